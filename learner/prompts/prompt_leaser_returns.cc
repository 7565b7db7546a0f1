// The way back of PromptLeaser: results, leases that end, and groups that are given up.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "learner/ledger/group_events.h"
#include "learner/prompts/prompt_group.h"
#include "learner/prompts/prompt_leaser.h"
#include "services/base/log.h"
#include "services/base/status_macros.h"
#include "spdlog/spdlog.h"

namespace maspo {

absl::Status PromptLeaser::CheckHolder(const std::string& worker_id, const std::string& group_id) const {
  if (const LeaseTable::Entry* entry = table_.Find(group_id); entry != nullptr) {
    if (entry->holders.contains(worker_id)) return absl::OkStatus();
    return absl::NotFoundError(absl::StrCat("group ", group_id, " was never leased to worker \"", worker_id, "\""));
  }
  const Ledger::Standing standing = ledger_->StandingOf(group_id);
  if (finished_evaluation_.contains(group_id) || standing == Ledger::Standing::kAccepted ||
      standing == Ledger::Standing::kTrained) {
    return absl::AlreadyExistsError(absl::StrCat("group ", group_id, " was accepted before"));
  }
  if (standing == Ledger::Standing::kDropped) {
    return absl::FailedPreconditionError(absl::StrCat("group ", group_id, " was dropped before"));
  }
  return absl::NotFoundError(absl::StrCat("group ", group_id, " is not known to this learner"));
}

absl::StatusOr<v1::PromptGroup> PromptLeaser::Find(const std::string& worker_id, const std::string& group_id) const {
  absl::MutexLock lock(&mutex_);
  MASPO_RETURN_IF_ERROR(CheckHolder(worker_id, group_id));
  return table_.Find(group_id)->group;
}

absl::Status PromptLeaser::Accept(const v1::TrajectoryGroup& group) {
  absl::MutexLock lock(&mutex_);
  const std::string& group_id = group.group_id();
  MASPO_RETURN_IF_ERROR(CheckHolder(group.worker_id(), group_id));
  if (table_.Find(group_id)->group.purpose() == v1::PURPOSE_TRAIN) {
    MASPO_RETURN_IF_ERROR(ledger_->Append(ResultEvents(group)));
    returned_.erase(group_id);  // It may be waiting to be issued again.
  } else {
    finished_evaluation_.insert(group_id);
    evaluation_.erase(std::remove(evaluation_.begin(), evaluation_.end(), group_id), evaluation_.end());
  }
  table_.Remove(group_id);
  changed_.SignalAll();  // Shares have changed.
  return absl::OkStatus();
}

absl::Status PromptLeaser::Release(const std::string& worker_id, const std::string& group_id, const std::string& reason,
                                   const std::string& message) {
  absl::MutexLock lock(&mutex_);
  const LeaseTable::Entry* entry = table_.Find(group_id);
  if (entry == nullptr || entry->holder != worker_id) {
    return absl::NotFoundError(absl::StrCat("worker \"", worker_id, "\" does not hold group ", group_id));
  }
  const LogGroup about(group_id);
  spdlog::warn("worker {} gave group {} back ({}): {}", worker_id, group_id, reason, message);
  return EndLease(group_id, reason.empty() ? "released" : reason);
}

absl::Status PromptLeaser::Refuse(const std::string& worker_id, const std::string& group_id,
                                  const std::string& reason) {
  absl::MutexLock lock(&mutex_);
  const LeaseTable::Entry* entry = table_.Find(group_id);
  // Somebody else may be at it by now; then the late result changes nothing.
  if (entry == nullptr || entry->holder != worker_id) return absl::OkStatus();
  return EndLease(group_id, reason);
}

absl::Status PromptLeaser::Evict(const std::string& group_id, const std::string& reason) {
  absl::MutexLock lock(&mutex_);
  const std::optional<LedgerState::OpenGroup> open = ledger_->FindOpen(group_id);
  MASPO_CHECK(open.has_value() && open->stage == LedgerEventKind::kAdmitted);
  if (open->attempt >= options_.max_attempts) return Drop({group_id}, reason);
  return AddReturned(group_id, *open, reason);
}

void PromptLeaser::AddWorker(const std::string& worker_id) {
  absl::MutexLock lock(&mutex_);
  workers_.insert(worker_id);
}

void PromptLeaser::RenewLeases(const std::string& worker_id, const std::vector<std::string>& held_group_ids,
                               absl::Time now) {
  absl::MutexLock lock(&mutex_);
  for (const std::string& group_id : held_group_ids) table_.Renew(group_id, worker_id, now + options_.lease_ttl);
}

void PromptLeaser::EndWorker(const std::string& worker_id) {
  absl::MutexLock lock(&mutex_);
  workers_.erase(worker_id);
  EndLeases(table_.HeldBy(worker_id), "worker_lost");
  changed_.SignalAll();  // Its callers must hear of it, too.
}

void PromptLeaser::ExpireLeases(absl::Time now) {
  absl::MutexLock lock(&mutex_);
  EndLeases(table_.ExpiredAt(now), "expired");
}

void PromptLeaser::EndLeases(const std::vector<std::string>& group_ids, const std::string& reason) {
  for (const std::string& group_id : group_ids) {
    const LogGroup about(group_id);
    spdlog::warn("the lease of group {} by worker {} ended: {}", group_id, table_.Find(group_id)->holder, reason);
    if (const absl::Status status = EndLease(group_id, reason); !status.ok()) {
      spdlog::error("group {}: {}", group_id, std::string(status.message()));
    }
  }
}

// The group goes back into its queue, or is given up. When the ledger cannot take a drop, it goes back as well.
absl::Status PromptLeaser::EndLease(const std::string& group_id, const std::string& reason) {
  const LeaseTable::Entry& entry = table_.EndLease(group_id, reason);
  const bool training = entry.group.purpose() == v1::PURPOSE_TRAIN;
  changed_.SignalAll();
  absl::Status status;
  if (entry.attempt >= options_.max_attempts) {
    const LogGroup about(group_id);
    spdlog::warn("group {} is given up after {} attempts: {}", group_id, entry.attempt, reason);
    if (training) status = Drop({group_id}, reason);
    if (status.ok()) {
      table_.Remove(group_id);
      if (!training) options_.on_evaluation_dropped(group_id);
      return status;
    }
  }
  if (training) {
    returned_.insert(group_id);
  } else {
    evaluation_.push_front(group_id);
  }
  return status;
}

absl::Status PromptLeaser::Drop(const std::vector<std::string>& group_ids, const std::string& reason) {
  std::vector<LedgerEvent> events;
  events.reserve(group_ids.size());
  for (const std::string& group_id : group_ids) events.push_back(DroppedEvent(group_id, reason));
  MASPO_RETURN_IF_ERROR(ledger_->Append(std::move(events)));
  dropped_ += group_ids.size();
  changed_.SignalAll();  // Others may be issued in their place.
  return absl::OkStatus();
}

absl::Status PromptLeaser::AddReturned(const std::string& group_id, const LedgerState::OpenGroup& open,
                                       const std::string& reason) {
  const PromptProblem* problem = dataset_.Find(open.prompt_id);
  if (problem == nullptr) {
    return absl::FailedPreconditionError(
        absl::StrCat("the ledger holds group ", group_id, " of prompt \"", open.prompt_id,
                     "\", which is not in data.train: the data set changed since the run began; restore it, or start a "
                     "new run"));
  }
  table_.Add(MakePromptGroup(*problem, group_id, open.visit, v1::PURPOSE_TRAIN, options_.group_size, options_.sampling),
             open.attempt, reason);
  returned_.insert(group_id);
  changed_.SignalAll();
  return absl::OkStatus();
}

absl::Status PromptLeaser::OnTrained(uint64_t step, const std::vector<std::string>& group_ids) {
  std::vector<LedgerEvent> events;
  events.reserve(group_ids.size());
  for (const std::string& group_id : group_ids) {
    events.push_back(TrainedEvent(group_id, step));
    const LogGroup about(group_id);
    spdlog::debug("group {} is trained in step {}", group_id, step);
  }
  return ledger_->Append(std::move(events));
}

absl::Status PromptLeaser::OnDropped(const std::vector<std::string>& group_ids, const std::string& reason) {
  absl::MutexLock lock(&mutex_);
  return Drop(group_ids, reason);
}

}  // namespace maspo
