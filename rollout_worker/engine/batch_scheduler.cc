#include "rollout_worker/engine/batch_scheduler.h"

#include <algorithm>
#include <utility>

#include "services/base/status_macros.h"

namespace maspo {

struct BatchScheduler::Step {
  StepPlan plan;
  int64_t prefill_budget = 0;
  int promised_slots = 0;  // For the samples of prefixes that are prefilled now and forked in later steps.
};

BatchScheduler::BatchScheduler(const Options& options)
    : options_(options), allocator_(options.num_blocks, options.block_tokens) {}

void BatchScheduler::Add(uint64_t request, int64_t prompt_tokens, uint32_t num_samples) {
  MASPO_CHECK(prompt_tokens > 0 && num_samples > 0);
  PendingRequest& pending = pending_[request];
  pending.num_samples = num_samples;
  pending.prefix.num_tokens = prompt_tokens - 1;
}

StepPlan BatchScheduler::Plan() {
  Step step{.plan = {}, .prefill_budget = options_.prefill_tokens_per_step};
  const uint64_t preemptions_before = num_preemptions_;
  GrowRunning(step);
  // Whoever just lost its blocks does not get them back in the same step, unless nothing else would run.
  if (num_preemptions_ == preemptions_before || step.plan.segments.empty()) AdmitWaiting(step);
  return std::move(step.plan);
}

void BatchScheduler::GrowRunning(Step& step) {
  for (auto it = running_.begin(); it != running_.end();) {
    const SampleId id = it->first;
    Sequence& sequence = it->second;
    const int missing = allocator_.BlocksFor(sequence.num_tokens) - static_cast<int>(sequence.table.size());
    if (EvictYounger(id, missing)) {
      MASPO_CHECK(allocator_.Extend(sequence.table, sequence.num_tokens));
      Feed(step, id, /*is_prefix=*/false, sequence);
    } else {
      Preempt(id);
    }
    it = running_.upper_bound(id);
  }
}

void BatchScheduler::AdmitWaiting(Step& step) {
  auto pending = pending_.begin();
  while (num_running() + step.promised_slots < options_.max_running_sequences) {
    // Preempted samples are older than those of their request that were never forked.
    if (!preempted_.empty() && (pending == pending_.end() || preempted_.begin()->first.request <= pending->first)) {
      if (!Readmit(step)) return;
    } else if (pending == pending_.end()) {
      return;
    } else if (!pending->second.ready()) {
      if (!PrefillPrefix(step, pending->first, pending->second)) return;
      ++pending;
    } else {
      if (!ForkSample(step, pending->first, pending->second)) return;
      if (pending->second.next_sample == pending->second.num_samples) pending = pending_.erase(pending);
    }
  }
}

bool BatchScheduler::Readmit(Step& step) {
  const SampleId id = preempted_.begin()->first;
  if (step.prefill_budget == 0) return false;
  if (!MakeRoom(step, id, allocator_.BlocksFor(preempted_.begin()->second.num_tokens))) return false;
  Sequence& sequence = running_.insert(preempted_.extract(preempted_.begin())).position->second;
  MASPO_CHECK(allocator_.Extend(sequence.table, sequence.num_tokens));
  Feed(step, id, /*is_prefix=*/false, sequence);
  return true;
}

bool BatchScheduler::PrefillPrefix(Step& step, uint64_t request, PendingRequest& pending) {
  const SampleId id{request, pending.next_sample};
  Sequence& prefix = pending.prefix;
  if (step.prefill_budget == 0) return false;
  if (prefix.table.empty() && !MakeRoom(step, id, allocator_.BlocksFor(prefix.num_tokens))) return false;
  MASPO_CHECK(allocator_.Extend(prefix.table, prefix.num_tokens));
  Feed(step, id, /*is_prefix=*/true, prefix);
  step.promised_slots += static_cast<int>(pending.num_samples - pending.next_sample);
  return true;
}

bool BatchScheduler::ForkSample(Step& step, uint64_t request, PendingRequest& pending) {
  const SampleId id{request, pending.next_sample};
  Sequence& prefix = pending.prefix;
  Sequence sample{.num_tokens = prefix.num_tokens + 1, .num_cached = prefix.num_tokens, .table = {}};
  const bool alone = step.plan.segments.empty();
  const bool last = pending.next_sample + 1 == pending.num_samples;
  const bool partial_tail = prefix.num_tokens % allocator_.block_tokens() != 0;
  // A copy of the partly filled block, or a new one for the last prompt token.
  const bool room = (last && partial_tail) || MakeRoom(step, id, 1);
  if (!room && !alone) return false;
  if (last || !room) {
    // Takes the prefix over; if samples remain and the cache is this small, the prefix is prefilled for them again.
    std::swap(sample.table, prefix.table);
    prefix.num_cached = 0;
  } else {
    BlockAllocator::Fork fork = *allocator_.ForkTable(prefix.table, prefix.num_tokens);
    sample.table = std::move(fork.table);
    if (fork.copy.has_value()) step.plan.copies.push_back(*fork.copy);
  }
  MASPO_CHECK(allocator_.Extend(sample.table, sample.num_tokens));
  ++pending.next_sample;
  Feed(step, id, /*is_prefix=*/false, running_.emplace(id, std::move(sample)).first->second);
  return true;
}

void BatchScheduler::Feed(Step& step, SampleId id, bool is_prefix, Sequence& sequence) {
  int64_t length = sequence.num_tokens - sequence.num_cached;
  if (is_prefix || length > 1) {
    length = std::min(length, step.prefill_budget);
    step.prefill_budget -= length;
  }
  if (length == 0) return;
  StepSegment segment{.id = id, .is_prefix = is_prefix, .begin = sequence.num_cached, .length = length};
  sequence.num_cached += length;
  segment.samples = !is_prefix && sequence.num_cached == sequence.num_tokens;
  segment.table = &sequence.table;
  step.plan.segments.push_back(segment);
  if (segment.samples) ++sequence.num_tokens;
}

bool BatchScheduler::MakeRoom(const Step& step, SampleId id, int num_blocks) {
  if (step.plan.segments.empty()) return EvictYounger(id, num_blocks);
  return allocator_.num_free() - num_blocks >= num_running();
}

bool BatchScheduler::EvictYounger(SampleId id, int num_blocks) {
  while (allocator_.num_free() < num_blocks) {
    const std::optional<SampleId> youngest = YoungestHolder();
    if (!youngest.has_value() || *youngest <= id) return false;
    Preempt(*youngest);
  }
  return true;
}

std::optional<SampleId> BatchScheduler::YoungestHolder() const {
  std::optional<SampleId> youngest;
  if (!running_.empty()) youngest = running_.rbegin()->first;
  for (auto it = pending_.rbegin(); it != pending_.rend(); ++it) {
    if (it->second.prefix.table.empty()) continue;
    return std::max(youngest.value_or(SampleId{}), SampleId{it->first, it->second.next_sample});
  }
  return youngest;
}

void BatchScheduler::Preempt(SampleId id) {
  ++num_preemptions_;
  Sequence& sequence = running_.contains(id) ? running_.at(id) : pending_.at(id.request).prefix;
  allocator_.Release(sequence.table);
  sequence.num_cached = 0;
  if (running_.contains(id)) preempted_.insert(running_.extract(id));
}

void BatchScheduler::Finish(SampleId id) {
  allocator_.Release(running_.at(id).table);
  running_.erase(id);
}

void BatchScheduler::Cancel(uint64_t request) {
  const SampleId first{request, 0}, end{request + 1, 0};
  for (auto it = running_.lower_bound(first); it != running_.end() && it->first < end; it = running_.erase(it)) {
    allocator_.Release(it->second.table);
  }
  preempted_.erase(preempted_.lower_bound(first), preempted_.lower_bound(end));
  if (auto pending = pending_.find(request); pending != pending_.end()) {
    allocator_.Release(pending->second.prefix.table);
    pending_.erase(pending);
  }
}

int BatchScheduler::num_waiting() const {
  int64_t waiting = preempted_.size();
  for (const auto& [request, pending] : pending_) waiting += pending.num_samples - pending.next_sample;
  return static_cast<int>(waiting);
}

}  // namespace maspo
