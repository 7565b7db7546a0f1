#include "learner/prompts/lease_queue.h"

#include <google/protobuf/util/time_util.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "learner/prompts/fair_share.h"
#include "services/base/log.h"
#include "services/base/status_macros.h"

namespace maspo {

absl::StatusOr<std::unique_ptr<LeaseQueue>> LeaseQueue::Create(GroupBook* book, FatalCause* fatal, Options options) {
  if (options.max_attempts == 0) return absl::InvalidArgumentError("a group needs at least one attempt");
  std::unique_ptr<LeaseQueue> queue(new LeaseQueue(book, fatal, std::move(options)));
  MASPO_ASSIGN_OR_RETURN(std::vector<GroupBook::OpenGroup> open, book->AllOpen());
  {
    absl::MutexLock lock(&queue->mutex_);
    for (GroupBook::OpenGroup& group : open) queue->table_.Add(std::move(group.group), group.attempts, "resumed");
  }
  book->SetOnRoom([queue = queue.get()] {
    PendingAnswers answers;
    absl::MutexLock lock(&queue->mutex_);
    queue->Serve(answers);
  });
  return queue;
}

Ticket LeaseQueue::Park(const std::string& worker_id, int max_groups, Answer<Leases> answer) {
  PendingAnswers answers;
  absl::MutexLock lock(&mutex_);
  if (absl::Status refusal = CheckAsker(worker_id, max_groups); !refusal.ok()) {
    answers.Add<Leases>(std::move(answer), std::move(refusal));
    return 0;
  }
  const Ticket ticket = askers_.Park({worker_id, static_cast<uint64_t>(max_groups), std::move(answer)}, answers);
  Serve(answers);
  return ticket;
}

absl::Status LeaseQueue::CheckAsker(const std::string& worker_id, int max_groups) const {
  if (max_groups < 1) {
    return absl::InvalidArgumentError(absl::StrCat("max_groups must be at least 1, not ", max_groups));
  }
  if (!closed_.ok()) return closed_;
  if (workers_.contains(worker_id)) return absl::OkStatus();
  return absl::NotFoundError(absl::StrCat("worker \"", worker_id, "\" is not registered; register again"));
}

bool LeaseQueue::Withdraw(Ticket ticket) {
  absl::MutexLock lock(&mutex_);
  return askers_.Take(ticket).has_value();
}

// To be called whenever there may be more to lease than before; grants it to whom it concerns. First everybody's share;
// then what is left, as nobody who holds less waits for it.
void LeaseQueue::Serve(PendingAnswers& answers) {
  if (!fatal_->Get().ok()) return;
  if (ServeInTurn(/*beyond_share=*/false, answers)) ServeInTurn(/*beyond_share=*/true, answers);
}

// False: the ledger cannot be written, and whoever asked first was told.
bool LeaseQueue::ServeInTurn(bool beyond_share, PendingAnswers& answers) {
  for (auto next = askers_.calls().begin(); next != askers_.calls().end();) {
    if (available() == 0) return true;
    const auto& [ticket, asker] = *next++;
    const uint64_t granted = GrantTo(asker, beyond_share);
    if (granted == 0) continue;
    absl::StatusOr<Leases> leases = LeaseUpTo(granted, asker.worker_id);
    const bool is_written = leases.ok();
    answers.Add<Leases>(askers_.Take(ticket)->answer, std::move(leases));
    if (!is_written) return false;
    ++answered_;
  }
  return true;
}

// Groups that may be leased now: held-out ones, and as many training groups as the staleness allows, of those to be
// tried again or new.
uint64_t LeaseQueue::available() const {
  return table_.num_waiting_evaluation() + book_->Room(table_.num_waiting_training());
}

// Of them, those that this worker has not refused.
uint64_t LeaseQueue::AvailableTo(const std::string& worker_id) const {
  const LeaseTable::Waiting waiting = table_.WaitingFor(worker_id);
  return waiting.evaluation + std::min(book_->Room(table_.num_waiting_training()), waiting.training + book_->Room(0));
}

uint64_t LeaseQueue::GrantTo(const Askers::Call& asker, bool beyond_share) const {
  const FairShare share{.available = AvailableTo(asker.worker_id),
                        .leased = table_.num_leased(),
                        .held = table_.num_held_by(asker.worker_id),
                        .workers = workers_.size(),
                        .others_below_share = !beyond_share};
  return std::min(share.Grant(), asker.request);
}

absl::StatusOr<LeaseQueue::Leases> LeaseQueue::LeaseUpTo(uint64_t num_groups, const std::string& worker_id) {
  Leases leases;
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

// The group that is leased next, which the ledger says is issued; there is one.
absl::StatusOr<std::string> LeaseQueue::ChooseNext(const std::string& worker_id) {
  if (const LeaseTable::Entry* entry = table_.NextFor(worker_id); entry != nullptr) {
    const std::string& group_id = entry->group.group_id();
    if (entry->group.purpose() == v1::PURPOSE_TRAIN) {
      MASPO_RETURN_IF_ERROR(book_->Reissue(group_id, worker_id, entry->attempt + 1, entry->reason));
    }
    return group_id;
  }
  MASPO_ASSIGN_OR_RETURN(v1::PromptGroup group, book_->Issue(worker_id));
  std::string group_id = group.group_id();
  table_.Add(std::move(group), 0, "");
  return group_id;
}

v1::Lease LeaseQueue::LeaseOut(const std::string& group_id, const std::string& worker_id) {
  const LeaseTable::Entry& entry = table_.Lease(group_id, worker_id, options_.now() + options_.lease_ttl);
  const LogGroup about(group_id);
  spdlog::debug("group {} is leased to {}, attempt {}", group_id, worker_id, entry.attempt);
  v1::Lease lease;
  *lease.mutable_group() = entry.group;
  // Begun with an older version, a group would be too old by the step that the gate admitted it for.
  lease.set_min_policy_version(static_cast<int64_t>(book_->policy_version()));
  lease.set_attempt(entry.attempt);
  *lease.mutable_ttl() =
      google::protobuf::util::TimeUtil::MillisecondsToDuration(absl::ToInt64Milliseconds(options_.lease_ttl));
  return lease;
}

void LeaseQueue::EnqueueEvaluation(std::vector<v1::PromptGroup> groups) {
  PendingAnswers answers;
  absl::MutexLock lock(&mutex_);
  finished_evaluation_.clear();
  for (v1::PromptGroup& group : groups) table_.Add(std::move(group), 0, "");
  Serve(answers);
}

void LeaseQueue::Close(absl::Status why) {
  PendingAnswers answers;
  absl::MutexLock lock(&mutex_);
  closed_ = std::move(why);
  askers_.EndAll(closed_, answers);
}

LeaseQueue::Stats LeaseQueue::stats() const {
  absl::MutexLock lock(&mutex_);
  return {.leased = table_.num_leased(),
          .returned = table_.num_waiting_training(),
          .evaluation_waiting = table_.num_waiting_evaluation(),
          .askers = askers_.size(),
          .answered = answered_};
}

}  // namespace maspo
