#pragma once

#include <cstdint>

#include "absl/status/statusor.h"
#include "proto/run_config.pb.h"

namespace maspo {

// Learning rate by training step: linear warm-up, then constant, linear or cosine to final_learning_rate_ratio. Pure.
class LearningRateSchedule {
 public:
  // InvalidArgument: unknown schedule name.
  static absl::StatusOr<LearningRateSchedule> Create(const v1::OptimizerConfig& config, int64_t total_steps);

  // `step` counts from 1 to total_steps.
  double At(int64_t step) const;

 private:
  enum class Shape { kConstant, kLinear, kCosine };
  LearningRateSchedule(Shape shape, double peak, double final_ratio, int64_t warmup, int64_t total)
      : shape_(shape), peak_(peak), final_ratio_(final_ratio), warmup_(warmup), total_(total) {}

  Shape shape_;
  double peak_, final_ratio_;
  int64_t warmup_, total_;
};

}  // namespace maspo
