#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/time/time.h"
#include "proto/prompt.pb.h"

namespace maspo {

// Groups that are leased or wait to be: who holds what, until when, in which attempt, and which waiting group is next.
// Pure bookkeeping: no clock, no thread, no ledger.
class LeaseTable {
 public:
  struct Entry {
    v1::PromptGroup group;
    uint32_t attempt = 0;                         // Leases so far.
    std::string reason;                           // Why the last lease ended.
    std::string holder;                           // Empty while waiting.
    absl::Time expires;                           // Of the holder's lease.
    absl::flat_hash_set<std::string> holders;     // Every worker that held it: a late result is welcome.
    absl::flat_hash_set<std::string> refused_by;  // Workers that say it can never be run: they do not get it again.
  };

  // A waiting group that was leased `attempts` times before. Its id is new here.
  void Add(v1::PromptGroup group, uint32_t attempts, std::string reason);

  // Null when there is no such group.
  const Entry* Find(const std::string& group_id) const;

  // The waiting group that this worker gets next: held-out ones before training ones, then by id. Null: none waits
  // that it did not refuse.
  const Entry* NextFor(const std::string& worker_id) const;

  // How many groups wait that this worker did not refuse.
  struct Waiting {
    uint64_t evaluation = 0;
    uint64_t training = 0;
  };
  Waiting WaitingFor(const std::string& worker_id) const;

  // The group waits; afterwards `worker_id` holds it.
  const Entry& Lease(const std::string& group_id, const std::string& worker_id, absl::Time expires);

  // The group is leased; afterwards it waits.
  const Entry& EndLease(const std::string& group_id, const std::string& reason);

  // The same for a lease that its holder never got: it counts as no attempt.
  void UndoLease(const std::string& group_id, const std::string& reason);

  // The same when the holder says that the group can never be run.
  const Entry& Refuse(const std::string& group_id, const std::string& reason);

  // Forgets the group, leased or not.
  void Remove(const std::string& group_id);

  // Nothing happens unless the worker holds the group.
  void Renew(const std::string& group_id, const std::string& worker_id, absl::Time expires);

  // Ids of leased groups, ascending.
  std::vector<std::string> HeldBy(const std::string& worker_id) const;
  std::vector<std::string> ExpiredAt(absl::Time now) const;

  uint64_t num_held_by(const std::string& worker_id) const;
  uint64_t num_leased() const { return entries_.size() - num_waiting(); }
  uint64_t num_waiting() const { return waiting_training_.size() + waiting_evaluation_.size(); }
  uint64_t num_waiting_training() const { return waiting_training_.size(); }
  uint64_t num_waiting_evaluation() const { return waiting_evaluation_.size(); }

 private:
  std::vector<std::string> Leased(const std::function<bool(const Entry&)>& which) const;
  const Entry* FirstFor(const std::string& worker_id, const std::set<std::string>& waiting) const;
  std::set<std::string>& WaitingLike(const Entry& entry);
  void ClearHolder(Entry& entry);

  absl::flat_hash_map<std::string, Entry> entries_;  // By group id.
  std::set<std::string> waiting_training_;           // Ids.
  std::set<std::string> waiting_evaluation_;
  absl::flat_hash_map<std::string, uint64_t> leases_of_worker_;
  uint64_t num_refused_ = 0;  // Groups that somebody refused.
};

}  // namespace maspo
