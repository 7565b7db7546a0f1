#include "services/reward/endpoint_rotation.h"

#include <algorithm>

namespace maspo {

size_t EndpointRotation::Next(absl::Time now) {
  const size_t count = paused_until_.size();
  for (size_t step = 0; step < count; ++step) {
    const size_t candidate = (turn_ + step) % count;
    if (paused_until_[candidate] > now) continue;
    turn_ = (candidate + 1) % count;
    return candidate;
  }
  const auto soonest = std::min_element(paused_until_.begin(), paused_until_.end());
  return static_cast<size_t>(soonest - paused_until_.begin());
}

}  // namespace maspo
