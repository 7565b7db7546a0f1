#pragma once

#include <cstdint>
#include <memory>
#include <string>

namespace maspo {

class PolicySnapshot;

// What a policy version's way to the workers cost.
struct PushStatistics {
  double push_seconds_max = 0;  // From Publish() to the slowest acknowledgement, since the last call.
  int64_t acknowledged = 0;     // Workers that took a version, since the last call.
  int64_t failed_epochs = 0;    // Since construction.
  uint64_t bytes = 0;           // Sent since construction, counted once a receiver.
};

// Where the training loop puts new weights. One caller, the learner loop.
class PolicyPublisher {
 public:
  virtual ~PolicyPublisher() = default;

  // Versions must increase. Returns at once; all that costs time is done on other threads.
  virtual void Publish(std::shared_ptr<PolicySnapshot> weights, int64_t policy_version) = 0;

  virtual PushStatistics TakeStatistics() = 0;

  // Why the newest weights did not reach the workers when they were sent last; empty when they did.
  virtual std::string Problem() const { return ""; }
};

}  // namespace maspo
