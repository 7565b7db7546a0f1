#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/time/time.h"
#include "proto/prompt.pb.h"

namespace maspo {

// Groups that are leased or wait to be: who holds what, until when, in which attempt. Pure bookkeeping: no clock, no
// thread, no ledger.
class LeaseTable {
 public:
  struct Entry {
    v1::PromptGroup group;
    uint32_t attempt = 0;                      // Leases so far.
    std::string reason;                        // Why the last lease ended.
    std::string holder;                        // Empty while waiting.
    absl::Time expires;                        // Of the holder's lease.
    absl::flat_hash_set<std::string> holders;  // Every worker that held it: a late result is welcome.
  };

  // A waiting group that was leased `attempts` times before. Its id is new here.
  void Add(v1::PromptGroup group, uint32_t attempts, std::string reason);

  // Null when there is no such group.
  const Entry* Find(const std::string& group_id) const;

  // The group waits; afterwards `worker_id` holds it.
  const Entry& Lease(const std::string& group_id, const std::string& worker_id, absl::Time expires);

  // The group is leased; afterwards it waits.
  const Entry& EndLease(const std::string& group_id, const std::string& reason);

  // Forgets the group, leased or not.
  void Remove(const std::string& group_id);

  // Nothing happens unless the worker holds the group.
  void Renew(const std::string& group_id, const std::string& worker_id, absl::Time expires);

  // Ids of leased groups, ascending.
  std::vector<std::string> HeldBy(const std::string& worker_id) const;
  std::vector<std::string> ExpiredAt(absl::Time now) const;

  uint64_t num_held_by(const std::string& worker_id) const;
  uint64_t num_leased() const { return num_leased_; }

 private:
  std::vector<std::string> Leased(const std::function<bool(const Entry&)>& which) const;
  void ClearHolder(Entry& entry);

  absl::flat_hash_map<std::string, Entry> entries_;  // By group id.
  absl::flat_hash_map<std::string, uint64_t> leases_of_worker_;
  uint64_t num_leased_ = 0;
};

}  // namespace maspo
