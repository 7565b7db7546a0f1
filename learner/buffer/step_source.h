#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "proto/trajectory.pb.h"

namespace maspo {

// Where the training loop takes the groups of a step from.
//
// Thread-safe. TakeStep has one caller, the learner loop.
class StepSource {
 public:
  virtual ~StepSource() = default;

  // Version v is about to be published: groups are judged against it from now on.
  virtual void OnVersion(uint64_t policy_version) = 0;

  // Exactly num_groups groups, those with the smallest ids, in order of id: the same groups give the same step whatever
  // order they came in. DeadlineExceeded: not enough of them yet (nothing is taken).
  virtual absl::StatusOr<std::vector<v1::TrajectoryGroup>> TakeStep(uint64_t num_groups, absl::Time deadline) = 0;

  struct Arrivals {
    uint64_t waiting = 0;          // Groups to be taken now.
    uint64_t groups = 0;           // Training groups that came, since construction.
    uint64_t response_tokens = 0;  // Of these groups.
  };
  virtual Arrivals arrivals() const = 0;
};

}  // namespace maspo
