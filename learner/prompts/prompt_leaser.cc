#include "learner/prompts/prompt_leaser.h"

#include <google/protobuf/util/time_util.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "learner/ledger/group_events.h"
#include "learner/prompts/fair_share.h"
#include "learner/prompts/prompt_group.h"
#include "services/base/log.h"
#include "services/base/status_macros.h"

namespace maspo {
namespace {

absl::Status CheckOptions(const PromptLeaser::Options& options) {
  if (options.gate.groups_per_step == 0) {
    return absl::InvalidArgumentError("rollout.prompts_per_step must be at least 1");
  }
  if (options.group_size == 0) return absl::InvalidArgumentError("rollout.group_size must be at least 1");
  if (options.max_attempts == 0) return absl::InvalidArgumentError("a group needs at least one attempt");
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<PromptLeaser>> PromptLeaser::Create(PromptDataset dataset, Ledger* ledger,
                                                                   uint64_t policy_version, Options options) {
  MASPO_RETURN_IF_ERROR(CheckOptions(options));
  std::unique_ptr<PromptLeaser> leaser(
      new PromptLeaser(std::move(dataset), ledger, policy_version, std::move(options)));
  const LedgerState state = ledger->state();
  absl::MutexLock lock(&leaser->mutex_);
  leaser->next_index_ = state.counts().issued;
  leaser->dropped_ = state.counts().dropped();
  for (const std::string& group_id : state.OpenIds()) {
    MASPO_RETURN_IF_ERROR(leaser->AddReturned(group_id, *state.FindOpen(group_id), "resumed"));
  }
  return leaser;
}

PromptLeaser::PromptLeaser(PromptDataset dataset, Ledger* ledger, uint64_t policy_version, Options options)
    : dataset_(std::move(dataset)),
      ledger_(ledger),
      options_(std::move(options)),
      order_(dataset_.size(), options_.seed, options_.shuffle),
      policy_version_(policy_version) {}

// ---- Issuing ----

absl::StatusOr<std::vector<v1::Lease>> PromptLeaser::Acquire(const std::string& worker_id, int max_groups,
                                                             absl::Time deadline) {
  if (max_groups < 1)
    return absl::InvalidArgumentError(absl::StrCat("max_groups must be at least 1, not ", max_groups));
  absl::MutexLock lock(&mutex_);
  const absl::StatusOr<uint64_t> granted = AwaitGrant(worker_id, max_groups, deadline);
  changed_.SignalAll();  // Shares have changed, or this worker no longer waits for its own.
  if (!granted.ok()) return granted.status();
  return LeaseUpTo(*granted, worker_id);
}

// How many groups the worker may lease now; 0 at the deadline.
absl::StatusOr<uint64_t> PromptLeaser::AwaitGrant(const std::string& worker_id, uint64_t max_groups,
                                                  absl::Time deadline) {
  bool timed_out = false;
  while (true) {
    if (!closed_.ok()) return closed_;
    if (!workers_.contains(worker_id)) {
      return absl::NotFoundError(absl::StrCat("worker \"", worker_id, "\" is not registered; register again"));
    }
    const uint64_t granted = std::min(GrantTo(worker_id), max_groups);
    if (granted > 0 || timed_out) return granted;
    const auto asker = askers_.insert(worker_id);
    timed_out = changed_.WaitWithDeadline(&mutex_, deadline);
    askers_.erase(asker);
  }
}

uint64_t PromptLeaser::RoomForNew() const { return options_.gate.Room(next_index_ - dropped_, policy_version_); }

uint64_t PromptLeaser::GrantTo(const std::string& worker_id) const {
  FairShare share{.available = evaluation_.size() + returned_.size() + RoomForNew(),
                  .leased = table_.num_leased(),
                  .held = table_.num_held_by(worker_id),
                  .workers = workers_.size()};
  share.others_below_share = std::any_of(askers_.begin(), askers_.end(), [&](const std::string& asker) {
    return asker != worker_id && table_.num_held_by(asker) < share.Share();
  });
  return share.Grant();
}

absl::StatusOr<std::vector<v1::Lease>> PromptLeaser::LeaseUpTo(uint64_t num_groups, const std::string& worker_id) {
  std::vector<v1::Lease> leases;
  while (leases.size() < num_groups) {
    const absl::StatusOr<std::string> group_id = ChooseNext(worker_id);
    if (!group_id.ok()) {
      if (leases.empty()) return group_id.status();
      break;  // What was leased so far is in the ledger and must reach the worker.
    }
    leases.push_back(LeaseOut(*group_id, worker_id));
  }
  return leases;
}

// Takes the next group out of its queue and writes that it is issued; there is one.
absl::StatusOr<std::string> PromptLeaser::ChooseNext(const std::string& worker_id) {
  if (!evaluation_.empty()) {
    std::string group_id = std::move(evaluation_.front());
    evaluation_.pop_front();
    return group_id;
  }
  if (!returned_.empty()) {
    std::string group_id = *returned_.begin();
    const LeaseTable::Entry& entry = *table_.Find(group_id);
    MASPO_RETURN_IF_ERROR(ledger_->Append({ReissuedEvent(group_id, worker_id, entry.attempt + 1, entry.reason)}));
    returned_.erase(returned_.begin());
    return group_id;
  }
  MASPO_CHECK(RoomForNew() > 0);
  const PromptOrder::Place place = order_.At(next_index_);
  v1::PromptGroup group = MakePromptGroup(dataset_.at(place.problem), TrainingGroupId(next_index_), place.visit,
                                          v1::PURPOSE_TRAIN, options_.group_size, options_.sampling);
  std::string group_id = group.group_id();
  MASPO_RETURN_IF_ERROR(ledger_->Append({IssuedEvent(group, worker_id)}));
  table_.Add(std::move(group), 0, "");
  ++next_index_;
  return group_id;
}

v1::Lease PromptLeaser::LeaseOut(const std::string& group_id, const std::string& worker_id) {
  const LeaseTable::Entry& entry = table_.Lease(group_id, worker_id, options_.now() + options_.lease_ttl);
  const LogGroup about(group_id);
  spdlog::debug("group {} is leased to {}, attempt {}", group_id, worker_id, entry.attempt);
  v1::Lease lease;
  *lease.mutable_group() = entry.group;
  // Begun with an older version, a group would be too old by the step that the gate admitted it for.
  lease.set_min_policy_version(static_cast<int64_t>(policy_version_));
  lease.set_attempt(entry.attempt);
  *lease.mutable_ttl() =
      google::protobuf::util::TimeUtil::MillisecondsToDuration(absl::ToInt64Milliseconds(options_.lease_ttl));
  return lease;
}

void PromptLeaser::EnqueueEvaluation(std::vector<v1::PromptGroup> groups) {
  absl::MutexLock lock(&mutex_);
  finished_evaluation_.clear();
  for (v1::PromptGroup& group : groups) {
    evaluation_.push_back(group.group_id());
    table_.Add(std::move(group), 0, "");
  }
  changed_.SignalAll();
}

void PromptLeaser::OnVersion(uint64_t policy_version) {
  absl::MutexLock lock(&mutex_);
  policy_version_ = policy_version;
  changed_.SignalAll();
}

void PromptLeaser::Close(absl::Status why) {
  absl::MutexLock lock(&mutex_);
  closed_ = std::move(why);
  changed_.SignalAll();
}

PromptLeaser::Stats PromptLeaser::stats() const {
  absl::MutexLock lock(&mutex_);
  return {.leased = table_.num_leased(), .returned = returned_.size(), .evaluation_waiting = evaluation_.size()};
}

}  // namespace maspo
