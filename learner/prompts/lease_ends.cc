// The other half of LeaseQueue: results, leases that end, and groups that are given up.
#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "learner/prompts/lease_queue.h"
#include "services/base/limited_log.h"
#include "services/base/log.h"
#include "services/base/status_macros.h"
#include "spdlog/spdlog.h"

namespace maspo {
namespace {

// A worker's reason becomes a word of the ledger and a label of metrics, so nothing else is taken from outside.
std::string OneWord(const std::string& reason) {
  constexpr size_t kLongest = 32;
  const auto is_of_word = [](char c) { return absl::ascii_islower(c) || c == '_'; };
  const bool is_word = reason.size() <= kLongest && std::all_of(reason.begin(), reason.end(), is_of_word);
  return is_word && !reason.empty() ? reason : "released";
}

}  // namespace

absl::Status LeaseQueue::CheckHolder(const std::string& worker_id, const std::string& group_id) const {
  if (const LeaseTable::Entry* entry = table_.Find(group_id); entry != nullptr) {
    if (entry->holders.contains(worker_id)) return absl::OkStatus();
    return absl::NotFoundError(absl::StrCat("group ", group_id, " was never leased to worker \"", worker_id, "\""));
  }
  const Ledger::Standing standing = book_->StandingOf(group_id);
  if (finished_evaluation_.contains(group_id) || standing == Ledger::Standing::kAccepted ||
      standing == Ledger::Standing::kTrained) {
    return absl::AlreadyExistsError(absl::StrCat("group ", group_id, " was accepted before"));
  }
  if (standing == Ledger::Standing::kDropped) {
    return absl::FailedPreconditionError(absl::StrCat("group ", group_id, " was dropped before"));
  }
  return absl::NotFoundError(absl::StrCat("group ", group_id, " is not known to this learner"));
}

absl::StatusOr<v1::PromptGroup> LeaseQueue::Find(const std::string& worker_id, const std::string& group_id) const {
  absl::MutexLock lock(&mutex_);
  MASPO_RETURN_IF_ERROR(CheckHolder(worker_id, group_id));
  return table_.Find(group_id)->group;
}

absl::Status LeaseQueue::Accept(const v1::TrajectoryGroup& group) {
  absl::MutexLock lock(&mutex_);
  const std::string& group_id = group.group_id();
  MASPO_RETURN_IF_ERROR(CheckHolder(group.worker_id(), group_id));
  if (table_.Find(group_id)->group.purpose() == v1::PURPOSE_TRAIN) {
    MASPO_RETURN_IF_ERROR(book_->Accept(group));
  } else {
    finished_evaluation_.insert(group_id);
  }
  refusing_.erase(group.worker_id());
  table_.Remove(group_id);  // Leased to somebody, or waiting to be tried again.
  return absl::OkStatus();
}

absl::Status LeaseQueue::Release(const v1::ReleaseRequest& release) {
  const std::string &worker_id = release.worker_id(), &group_id = release.group_id(), &reason = release.reason();
  PendingAnswers answers;
  absl::MutexLock lock(&mutex_);
  const LeaseTable::Entry* entry = table_.Find(group_id);
  if (entry == nullptr || entry->holder != worker_id) {
    return absl::NotFoundError(absl::StrCat("worker \"", worker_id, "\" does not hold group ", group_id));
  }
  const LogGroup about(group_id);
  static LimitedLog log;
  log.Warn("worker {} gave group {} back ({}): {}", worker_id, group_id, reason, release.message());
  absl::Status status;
  if (release.impossible()) {
    TakeBackRefused(release);
  } else {
    status = TakeBack(group_id, OneWord(reason));
  }
  Serve(answers);
  return status;
}

absl::Status LeaseQueue::EndLease(const std::string& worker_id, const std::string& group_id,
                                  const std::string& reason) {
  PendingAnswers answers;
  absl::MutexLock lock(&mutex_);
  const LeaseTable::Entry* entry = table_.Find(group_id);
  // Somebody else may be at it by now; then the late result changes nothing.
  if (entry == nullptr || entry->holder != worker_id) return absl::OkStatus();
  const absl::Status status = TakeBack(group_id, reason);
  Serve(answers);
  return status;
}

absl::Status LeaseQueue::Reopen(const std::string& group_id, const std::string& reason) {
  PendingAnswers answers;
  absl::MutexLock lock(&mutex_);
  MASPO_ASSIGN_OR_RETURN(GroupBook::OpenGroup open, book_->FindOpen(group_id));
  if (open.attempts >= options_.max_attempts) {
    MASPO_RETURN_IF_ERROR(book_->Drop(group_id, reason));
  } else {
    table_.Add(std::move(open.group), open.attempts, reason);
  }
  Serve(answers);  // It, or another one in its place.
  return absl::OkStatus();
}

// One worker alone may be wrong, or broken: the run goes on as long as there is another that may run the group. It ends
// when all have refused this group, or each of them one and none has brought a result since.
void LeaseQueue::TakeBackRefused(const v1::ReleaseRequest& release) {
  const LeaseTable::Entry& entry = table_.Refuse(release.group_id(), OneWord(release.reason()));
  refusing_.insert(release.worker_id());
  if (!HasEveryWorker(entry.refused_by) && !HasEveryWorker(refusing_)) return;
  fatal_->Report(
      absl::FailedPreconditionError(absl::StrCat("no worker can run group ", release.group_id(), " (prompt \"",
                                                 entry.group.prompt_id(), "\"): ", release.message())));
}

bool LeaseQueue::HasEveryWorker(const absl::flat_hash_set<std::string>& worker_ids) const {
  return std::all_of(workers_.begin(), workers_.end(),
                     [&](const std::string& worker_id) { return worker_ids.contains(worker_id); });
}

void LeaseQueue::AddWorker(const std::string& worker_id) {
  absl::MutexLock lock(&mutex_);
  workers_.insert(worker_id);
}

void LeaseQueue::RenewLeases(const std::string& worker_id, const std::vector<std::string>& held_group_ids,
                             absl::Time now) {
  absl::MutexLock lock(&mutex_);
  for (const std::string& group_id : held_group_ids) table_.Renew(group_id, worker_id, now + options_.lease_ttl);
}

void LeaseQueue::EndWorker(const std::string& worker_id) {
  PendingAnswers answers;
  absl::MutexLock lock(&mutex_);
  workers_.erase(worker_id);
  refusing_.erase(worker_id);
  if (std::optional<Askers::Call> asker = askers_.TakeOf(worker_id)) {
    answers.Add<Leases>(std::move(asker->answer), CheckAsker(worker_id, 1));
  }
  TakeAllBack(table_.HeldBy(worker_id), "worker_lost");
  Serve(answers);
}

void LeaseQueue::ExpireLeases(absl::Time now) {
  PendingAnswers answers;
  absl::MutexLock lock(&mutex_);
  TakeAllBack(table_.ExpiredAt(now), "expired");
  Serve(answers);
}

void LeaseQueue::TakeBackUndelivered(const std::string& worker_id, const Leases& leases) {
  PendingAnswers answers;
  absl::MutexLock lock(&mutex_);
  for (const v1::Lease& lease : leases) {
    const std::string& group_id = lease.group().group_id();
    const LeaseTable::Entry* entry = table_.Find(group_id);
    if (entry == nullptr || entry->holder != worker_id || entry->attempt != lease.attempt()) continue;
    const LogGroup about(group_id);
    spdlog::debug("the lease of group {} did not reach worker {}", group_id, worker_id);
    table_.UndoLease(group_id, "undelivered");
  }
  Serve(answers);
}

void LeaseQueue::TakeAllBack(const std::vector<std::string>& group_ids, const std::string& reason) {
  for (const std::string& group_id : group_ids) {
    const LogGroup about(group_id);
    static LimitedLog log;
    log.Warn("the lease of group {} by worker {} ended: {}", group_id, table_.Find(group_id)->holder, reason);
    if (const absl::Status status = TakeBack(group_id, reason); !status.ok()) {
      spdlog::error("group {}: {}", group_id, std::string(status.message()));
    }
  }
}

// The group is to be tried again, or is given up. When the ledger cannot take a drop, it is tried again as well.
absl::Status LeaseQueue::TakeBack(const std::string& group_id, const std::string& reason) {
  const LeaseTable::Entry& entry = table_.EndLease(group_id, reason);
  if (entry.attempt < options_.max_attempts) return absl::OkStatus();
  const LogGroup about(group_id);
  static LimitedLog log;
  log.Warn("group {} is given up after {} attempts: {}", group_id, entry.attempt, reason);
  const bool training = entry.group.purpose() == v1::PURPOSE_TRAIN;
  if (training) MASPO_RETURN_IF_ERROR(book_->Drop(group_id, reason));
  table_.Remove(group_id);
  if (!training) options_.on_evaluation_dropped(group_id);
  return absl::OkStatus();
}

}  // namespace maspo
