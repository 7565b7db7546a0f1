#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "learner/metrics/metrics_log.h"
#include "proto/trajectory.pb.h"

namespace maspo {

// Where the training loop tells what became of its steps. Every row is there once. Errors: Unavailable, it cannot be
// written.
class StepJournal {
 public:
  virtual ~StepJournal() = default;

  virtual absl::Status Record(const StepMetrics& row) = 0;
  virtual absl::Status RecordEvaluation(const StepMetrics& scores) = 0;
  virtual bool HasEvaluation(uint64_t step) const = 0;  // Of this step, or of a later one.

  // Text for people, of one of the groups that the step trains on.
  virtual absl::Status RecordSample(uint64_t step, const v1::TrajectoryGroup& group) = 0;

  // The groups that the step trains on, in this order.
  virtual absl::Status RecordGroups(uint64_t step, const std::vector<v1::TrajectoryGroup>& groups) = 0;
};

}  // namespace maspo
