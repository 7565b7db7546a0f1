#include "rollout_worker/rollout/held_groups.h"

namespace maspo {

void HeldGroups::Add(const std::string& worker_id, std::vector<v1::Lease> leases) {
  for (v1::Lease& lease : leases) {
    if (!is_scoring_.emplace(std::pair(worker_id, lease.group().group_id()), false).second) continue;
    ++num_generating_;
    new_.push_back({worker_id, std::move(lease)});
  }
}

void HeldGroups::Generated(const std::string& worker_id, const std::string& group_id) {
  const auto it = is_scoring_.find({worker_id, group_id});
  if (it == is_scoring_.end() || std::exchange(it->second, true)) return;
  --num_generating_;
  ++num_scoring_;
}

void HeldGroups::Settle(const std::string& worker_id, const std::string& group_id) {
  const auto it = is_scoring_.find({worker_id, group_id});
  if (it == is_scoring_.end()) return;
  --(it->second ? num_scoring_ : num_generating_);
  is_scoring_.erase(it);
}

std::vector<std::string> HeldGroups::HeldBy(const std::string& worker_id) const {
  std::vector<std::string> ids;
  for (const auto& [key, is_scoring] : is_scoring_) {
    if (key.first == worker_id) ids.push_back(key.second);
  }
  return ids;
}

}  // namespace maspo
