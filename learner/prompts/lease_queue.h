#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "learner/fatal_cause.h"
#include "learner/prompts/group_book.h"
#include "learner/prompts/group_registry.h"
#include "learner/prompts/lease_table.h"
#include "services/base/steady_clock.h"
#include "services/prompts/parking_prompt_source.h"

namespace maspo {

// Who gets which prompt group, and for how long: the learner's end of the prompt hop.
//
//   held-out groups -----.                       .-- Accept (the result is in) --> the book's
//   groups to try again -+--> an asker --> leased +
//   GroupBook::Issue ----'                       '-- the lease ends (Release, EndLease, EndWorker, expiry) --> to try
//                                                    again, or dropped after max_attempts
//
// A worker that asks is parked until something is admissible; nobody is woken for nothing. What there is is shared
// among the registered workers (FairShare), in the order in which they asked. A group that is tried again keeps its id
// and goes before any new one. One that a worker says can never be run is tried by the others; when no worker is left,
// that is a fatal cause, after which nothing is leased. Held-out groups are in no ledger, go first, and are never given
// up silently: `on_evaluation_dropped` hears of it. Errors as in PromptSource and GroupRegistry; Unavailable when the
// ledger cannot be written.
//
// Thread-safe. The book and the callback are called under the queue's lock and must not call back; answers are given
// without it.
class LeaseQueue final : public ParkingPromptSource, public GroupRegistry {
 public:
  struct Options {
    uint32_t max_attempts = 3;                    // Leases of one group before it is dropped.
    absl::Duration lease_ttl = absl::Seconds(6);  // After the holder's last heartbeat.
    std::function<absl::Time()> now = SteadyNow;
    std::function<void(const std::string& group_id)> on_evaluation_dropped = [](const std::string&) {};
  };

  // Begins with the book's open groups; errors as GroupBook::AllOpen. InvalidArgument: an option is out of range.
  // `book` and `fatal` outlive the queue.
  static absl::StatusOr<std::unique_ptr<LeaseQueue>> Create(GroupBook* book, FatalCause* fatal, Options options);

  Ticket Park(const std::string& worker_id, int max_groups, Answer<std::vector<v1::Lease>> answer) override;
  bool Withdraw(Ticket ticket) override;
  void TakeBackUndelivered(const std::string& worker_id, const std::vector<v1::Lease>& leases) override;
  absl::Status Release(const v1::ReleaseRequest& release) override;

  absl::StatusOr<v1::PromptGroup> Find(const std::string& worker_id, const std::string& group_id) const override;
  absl::Status Accept(const v1::TrajectoryGroup& group) override;
  absl::Status EndLease(const std::string& worker_id, const std::string& group_id, const std::string& reason) override;
  absl::Status Reopen(const std::string& group_id, const std::string& reason) override;

  // Membership: only workers added here may lease. A worker that ends frees its leases and its place at once.
  void AddWorker(const std::string& worker_id);
  void EndWorker(const std::string& worker_id);
  // A heartbeat: these leases of the worker last until now + lease_ttl. Others run out, for instance those whose answer
  // was sent but never heard.
  void RenewLeases(const std::string& worker_id, const std::vector<std::string>& held_group_ids, absl::Time now);
  // Frees leases that ran out; to be called about once a second.
  void ExpireLeases(absl::Time now);

  // Held-out groups, to be leased ahead of training groups and sampled by the current version. Results of earlier
  // rounds are forgotten.
  void EnqueueEvaluation(std::vector<v1::PromptGroup> groups);

  // Answers every asker with this status, now and later.
  void Close(absl::Status why = absl::UnavailableError("the learner has stopped"));

  struct Stats {
    uint64_t leased = 0;    // Groups held by workers, evaluation included.
    uint64_t returned = 0;  // Training groups waiting to be issued again.
    uint64_t evaluation_waiting = 0;
    uint64_t askers = 0;    // Workers that wait for a group.
    uint64_t answered = 0;  // Askers that got leases, since construction.
  };
  Stats stats() const;

 private:
  using Leases = std::vector<v1::Lease>;
  using Askers = ParkedCalls<Leases, /*max_groups*/ uint64_t>;

  LeaseQueue(GroupBook* book, FatalCause* fatal, Options options)
      : book_(book), fatal_(fatal), options_(std::move(options)) {}

  // Leases that begin: lease_queue.cc.
  absl::Status CheckAsker(const std::string& worker_id, int max_groups) const ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  void Serve(PendingAnswers& answers) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool ServeInTurn(bool beyond_share, PendingAnswers& answers) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  uint64_t available() const ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  uint64_t AvailableTo(const std::string& worker_id) const ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  uint64_t GrantTo(const Askers::Call& asker, bool beyond_share) const ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<Leases> LeaseUpTo(uint64_t num_groups, const std::string& worker_id)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<std::string> ChooseNext(const std::string& worker_id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  v1::Lease LeaseOut(const std::string& group_id, const std::string& worker_id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Leases that end: lease_ends.cc.
  absl::Status CheckHolder(const std::string& worker_id, const std::string& group_id) const
      ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  void TakeBackRefused(const v1::ReleaseRequest& release) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool HasEveryWorker(const absl::flat_hash_set<std::string>& worker_ids) const ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  absl::Status TakeBack(const std::string& group_id, const std::string& reason) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void TakeAllBack(const std::vector<std::string>& group_ids, const std::string& reason)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  GroupBook* const book_;
  FatalCause* const fatal_;
  const Options options_;

  mutable absl::Mutex mutex_;                                         // Guards everything below.
  absl::flat_hash_set<std::string> workers_ ABSL_GUARDED_BY(mutex_);  // Registered ones.
  LeaseTable table_ ABSL_GUARDED_BY(mutex_);                          // Leased groups, and those to try again.
  absl::flat_hash_set<std::string> finished_evaluation_ ABSL_GUARDED_BY(mutex_);  // Of this round.
  absl::flat_hash_set<std::string> refusing_
      ABSL_GUARDED_BY(mutex_);  // Workers that refused a group since their last result.
  Askers askers_ ABSL_GUARDED_BY(mutex_);
  uint64_t answered_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Status closed_ ABSL_GUARDED_BY(mutex_);  // Ok while it is open.
};

}  // namespace maspo
