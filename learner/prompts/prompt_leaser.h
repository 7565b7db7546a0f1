#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "learner/ledger/ledger.h"
#include "learner/prompts/group_registry.h"
#include "learner/prompts/lease_table.h"
#include "learner/prompts/prompt_dataset.h"
#include "learner/prompts/prompt_order.h"
#include "learner/prompts/staleness_gate.h"
#include "services/prompts/prompt_source.h"

namespace maspo {

// Leases prompt groups to rollout workers and gets them back: the learner's end of the prompt hop.
//
//   evaluation queue --.                       .-- Accept (the result is in) --> accepted --> OnTrained
//   returned groups ---+--> Acquire --> leased +                                    '-- Evict --.
//   next new prompt ---'                       '-- Release, Refuse, expiry, EndWorker ----------+--> returned, or
//                                                                                  dropped after max_attempts
//
// New prompts pass the StalenessGate; a returned group is issued again under its old id, before any new prompt. Every
// move of a training group is in the ledger before it is answered. A ledger that holds groups already (a resumed run)
// says where to go on: the cursor is the number of groups issued, and the open ones are issued again. Evaluation groups
// are in no ledger, go first, and are never given up silently: `on_evaluation_dropped` hears of it.
//
// Acquire shares what there is among the registered workers (FairShare). Errors as in PromptSource and GroupRegistry;
// Unavailable when the ledger cannot be written.
//
// Thread-safe. Only Acquire waits: until something is admissible, its deadline, EndWorker or Close. The ledger and the
// callbacks are called under the leaser's lock and must not call back.
class PromptLeaser final : public PromptSource, public GroupRegistry {
 public:
  struct Options {
    uint64_t seed = 0;
    bool shuffle = true;  // A new permutation of the data set each pass.
    StalenessGate gate;
    uint32_t group_size = 8;                      // G, responses per training group.
    v1::SamplingParameters sampling;              // Of training groups.
    uint32_t max_attempts = 3;                    // Leases of one group before it is dropped.
    absl::Duration lease_ttl = absl::Seconds(6);  // After the holder's last heartbeat.
    std::function<absl::Time()> now = absl::Now;
    std::function<void(const std::string& group_id)> on_evaluation_dropped = [](const std::string&) {};
  };

  // `dataset` is encoded; `policy_version` is the one that is published first. FailedPrecondition: the ledger has an
  // open group whose prompt is not in the data set, which changed since the run began. InvalidArgument: an option is
  // out of range. `ledger` outlives the leaser.
  static absl::StatusOr<std::unique_ptr<PromptLeaser>> Create(PromptDataset dataset, Ledger* ledger,
                                                              uint64_t policy_version, Options options);

  absl::StatusOr<std::vector<v1::Lease>> Acquire(const std::string& worker_id, int max_groups,
                                                 absl::Time deadline) override;
  absl::Status Release(const std::string& worker_id, const std::string& group_id, const std::string& reason,
                       const std::string& message) override;

  absl::StatusOr<v1::PromptGroup> Find(const std::string& worker_id, const std::string& group_id) const override;
  absl::Status Accept(const v1::TrajectoryGroup& group) override;
  absl::Status Refuse(const std::string& worker_id, const std::string& group_id, const std::string& reason) override;
  absl::Status Evict(const std::string& group_id, const std::string& reason) override;

  // Membership: only workers added here may lease. A worker that ends frees its leases at once, and wakes its callers.
  void AddWorker(const std::string& worker_id);
  void EndWorker(const std::string& worker_id);
  // A heartbeat: these leases of the worker last until now + lease_ttl. Others run out, for instance those whose
  // Acquire was answered but never heard.
  void RenewLeases(const std::string& worker_id, const std::vector<std::string>& held_group_ids, absl::Time now);
  // Frees leases that ran out; to be called about once a second.
  void ExpireLeases(absl::Time now);

  // Held-out groups, to be leased ahead of training groups and sampled by the current version. Results of earlier
  // rounds are forgotten.
  void EnqueueEvaluation(std::vector<v1::PromptGroup> groups);

  // Version v is published: admits the groups that it opens.
  void OnVersion(uint64_t policy_version);

  // Accepted groups became training step `step`, or never will become one (`reason`, one word) and are replaced.
  absl::Status OnTrained(uint64_t step, const std::vector<std::string>& group_ids);
  absl::Status OnDropped(const std::vector<std::string>& group_ids, const std::string& reason);

  // Ends every wait with Cancelled, now and later.
  void Close(absl::Status why = absl::CancelledError("the run is over"));

  struct Stats {
    uint64_t leased = 0;    // Groups held by workers, evaluation included.
    uint64_t returned = 0;  // Training groups waiting to be issued again.
    uint64_t evaluation_waiting = 0;
  };
  Stats stats() const;

 private:
  PromptLeaser(PromptDataset dataset, Ledger* ledger, uint64_t policy_version, Options options);

  // Issuing.
  absl::StatusOr<uint64_t> AwaitGrant(const std::string& worker_id, uint64_t max_groups, absl::Time deadline)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  uint64_t RoomForNew() const ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  uint64_t GrantTo(const std::string& worker_id) const ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<std::vector<v1::Lease>> LeaseUpTo(uint64_t num_groups, const std::string& worker_id)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<std::string> ChooseNext(const std::string& worker_id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  v1::Lease LeaseOut(const std::string& group_id, const std::string& worker_id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Getting back.
  absl::Status CheckHolder(const std::string& worker_id, const std::string& group_id) const
      ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  absl::Status EndLease(const std::string& group_id, const std::string& reason) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void EndLeases(const std::vector<std::string>& group_ids, const std::string& reason)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status Drop(const std::vector<std::string>& group_ids, const std::string& reason)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status AddReturned(const std::string& group_id, const LedgerState::OpenGroup& open, const std::string& reason)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const PromptDataset dataset_;
  Ledger* const ledger_;
  const Options options_;

  mutable absl::Mutex mutex_;  // Guards everything below.
  absl::CondVar changed_;
  PromptOrder order_ ABSL_GUARDED_BY(mutex_);
  uint64_t policy_version_ ABSL_GUARDED_BY(mutex_);
  uint64_t next_index_ ABSL_GUARDED_BY(mutex_) = 0;  // Of the next new prompt = training groups ever issued.
  uint64_t dropped_ ABSL_GUARDED_BY(mutex_) = 0;     // Training groups.
  absl::flat_hash_set<std::string> workers_ ABSL_GUARDED_BY(mutex_);  // Registered ones.
  LeaseTable table_ ABSL_GUARDED_BY(mutex_);                          // Leased groups, and those in the two queues:
  std::set<std::string> returned_ ABSL_GUARDED_BY(mutex_);  // Training groups to issue again, smallest id first.
  std::deque<std::string> evaluation_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_set<std::string> finished_evaluation_ ABSL_GUARDED_BY(mutex_);  // Of this round.
  std::multiset<std::string> askers_ ABSL_GUARDED_BY(mutex_);                     // Workers blocked in Acquire.
  absl::Status closed_ ABSL_GUARDED_BY(mutex_);                                   // Ok while it is open.
};

}  // namespace maspo
