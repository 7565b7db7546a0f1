#include "services/reward/endpoint_rotation.h"

#include <algorithm>
#include <cmath>

namespace maspo {

bool EndpointRotation::IsWell(const Endpoint& endpoint, absl::Time now) {
  return endpoint.paused_until <= now && (endpoint.failures == 0 || endpoint.calls == 0);
}

size_t EndpointRotation::Begin(absl::Time now) {
  const size_t count = endpoints_.size();
  size_t best = count;
  for (size_t step = 0; step < count; ++step) {
    const size_t candidate = (turn_ + step) % count;
    if (!IsWell(endpoints_[candidate], now)) continue;
    if (best == count || endpoints_[candidate].calls < endpoints_[best].calls) best = candidate;
  }
  if (best == count) {
    const auto ends_sooner = [](const Endpoint& a, const Endpoint& b) { return a.paused_until < b.paused_until; };
    best =
        static_cast<size_t>(std::min_element(endpoints_.begin(), endpoints_.end(), ends_sooner) - endpoints_.begin());
  } else {
    turn_ = (best + 1) % count;
  }
  ++endpoints_[best].calls;
  return best;
}

void EndpointRotation::End(size_t index, Outcome outcome, absl::Time now) {
  Endpoint& endpoint = endpoints_[index];
  --endpoint.calls;
  switch (outcome) {
    case Outcome::kAnswered:
      endpoint.paused_until = absl::InfinitePast();
      endpoint.failures = 0;
      break;
    case Outcome::kBusy:  // It is there.
      endpoint.paused_until = now + kFirstPause;
      endpoint.failures = 0;
      break;
    case Outcome::kFailed:
      // Calls that were under way together fail together: one outage.
      if (endpoint.paused_until <= now || endpoint.failures == 0) ++endpoint.failures;
      endpoint.paused_until =
          now + std::min(kFirstPause * std::ldexp(1.0, std::min(endpoint.failures, 10) - 1), kLongestPause);
      break;
  }
}

}  // namespace maspo
