#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "proto/prompt.pb.h"

namespace maspo {

// A lease, and the registration under which it was acquired: after another one it is somebody else's.
struct HeldLease {
  std::string worker_id;
  v1::Lease lease;
};

// The groups that a worker has leased and not yet settled:
//
//   Add -> TakeNew -> being generated -> Generated -> being scored -> Settle
//                          '---- given back, or forgotten: Settle
//
// Leases are taken while fewer than `generating` groups are before scoring and fewer than `scoring` in it: whoever
// scores slowly gets no more to score, and never holds up the decoding.
//
// Pure; not thread-safe.
class HeldGroups {
 public:
  struct Limits {
    int generating = 16;
    int scoring = 32;
  };

  explicit HeldGroups(const Limits& limits) : limits_(limits) {}

  int Room() const { return num_scoring_ < limits_.scoring ? limits_.generating - num_generating_ : 0; }

  void Add(const std::string& worker_id, std::vector<v1::Lease> leases);
  bool HasNew() const { return !new_.empty(); }
  std::vector<HeldLease> TakeNew() { return std::exchange(new_, {}); }

  void Generated(const std::string& worker_id, const std::string& group_id);
  // Submitted, given back or forgotten. Others are ignored.
  void Settle(const std::string& worker_id, const std::string& group_id);

  // Those acquired under this registration.
  std::vector<std::string> HeldBy(const std::string& worker_id) const;
  int num_scoring() const { return num_scoring_; }
  int size() const { return static_cast<int>(is_scoring_.size()); }

 private:
  const Limits limits_;
  std::vector<HeldLease> new_;
  std::map<std::pair<std::string, std::string>, bool> is_scoring_;  // By worker id and group id.
  int num_generating_ = 0, num_scoring_ = 0;
};

}  // namespace maspo
