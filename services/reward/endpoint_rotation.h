#pragma once

#include <cstddef>
#include <vector>

#include "absl/time/time.h"

namespace maspo {

// Which of several equal servers gets the next call: each in turn, passing over those that failed a moment ago. When
// all of them failed it names the one whose pause ends first. Pure; not thread-safe.
class EndpointRotation {
 public:
  explicit EndpointRotation(size_t num_endpoints) : paused_until_(num_endpoints, absl::InfinitePast()) {}

  size_t Next(absl::Time now);
  void Pause(size_t endpoint, absl::Time until) { paused_until_[endpoint] = until; }
  void Resume(size_t endpoint) { paused_until_[endpoint] = absl::InfinitePast(); }

 private:
  std::vector<absl::Time> paused_until_;
  size_t turn_ = 0;
};

}  // namespace maspo
