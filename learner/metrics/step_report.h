#pragma once

#include <cstdint>
#include <optional>

#include "learner/publish/policy_publisher.h"
#include "learner/training_groups.h"
#include "learner/update/behavior_correction.h"
#include "learner/update/update_reports.h"

namespace maspo {

// Where the time of a step went, in seconds.
struct StepTimes {
  double rollout_wait = 0;
  double old_logprobs = 0;
  double update = 0;
  double publish = 0;
  double step = 0;                   // From waiting for groups to publishing.
  std::optional<double> checkpoint;  // Of the step before, which came after its row.
};

// One training step, as its parts reported it. metric_catalog.h gives the numbers their names.
struct StepReport {
  uint64_t step = 0;  // Finished training steps = policy version that the step published.
  GroupStatistics groups;
  std::optional<uint64_t> replaced_groups;  // By dynamic sampling, if it is on.
  uint64_t queue_depth = 0;                 // Groups left waiting after the step took its own.
  LogprobStatistics logprobs;
  std::optional<BehaviorCorrection::Statistics> correction;  // If it is on.
  UpdateStatistics update;
  double learning_rate = 0;
  int64_t total_updates = 0;     // Since the run began,
  uint64_t skipped_updates = 0;  // and how many planned ones were skipped.
  PushStatistics push;           // Of the version that the step was sampled with.
  StepTimes times;
};

}  // namespace maspo
