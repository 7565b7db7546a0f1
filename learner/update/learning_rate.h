#pragma once

#include <cstdint>

#include "proto/run_config.pb.h"

namespace maspo {

// Learning rate by training step: linear warm-up, then constant, linear or cosine to final_learning_rate_ratio. Pure.
class LearningRateSchedule {
 public:
  LearningRateSchedule(const v1::OptimizerConfig& config, int64_t total_steps)
      : shape_(config.schedule()),
        peak_(config.learning_rate()),
        final_ratio_(config.final_learning_rate_ratio()),
        warmup_(static_cast<int64_t>(config.warmup_steps())),
        total_(total_steps) {}

  // `step` counts from 1 to total_steps.
  double At(int64_t step) const;

 private:
  v1::Schedule shape_;
  double peak_, final_ratio_;
  int64_t warmup_, total_;
};

}  // namespace maspo
