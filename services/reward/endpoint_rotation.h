#pragma once

#include <cstddef>
#include <vector>

#include "absl/time/time.h"

namespace maspo {

// Which of several equal servers gets the next call: of those that are well, the one with the fewest calls under way;
// equals take turns. So a server that has stopped answering gets no more than its share of the calls under way.
//
//   failed (away, or too slow)   paused, twice as long after each failure in a row; then a single call tries it
//   busy                         paused once
//
// When none is well it names the one whose pause ends first. Pure; not thread-safe.
class EndpointRotation {
 public:
  enum class Outcome { kAnswered, kBusy, kFailed };

  explicit EndpointRotation(size_t num_endpoints) : endpoints_(num_endpoints) {}

  // Names the server and counts a call to it, which End() must follow.
  size_t Begin(absl::Time now);
  void End(size_t endpoint, Outcome outcome, absl::Time now);

 private:
  static constexpr absl::Duration kFirstPause = absl::Seconds(1);
  static constexpr absl::Duration kLongestPause = absl::Seconds(30);

  struct Endpoint {
    absl::Time paused_until = absl::InfinitePast();
    int failures = 0;  // In a row.
    int calls = 0;     // Under way.
  };
  static bool IsWell(const Endpoint& endpoint, absl::Time now);

  std::vector<Endpoint> endpoints_;
  size_t turn_ = 0;
};

}  // namespace maspo
