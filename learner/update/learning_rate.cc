#include "learner/update/learning_rate.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "absl/strings/str_cat.h"

namespace maspo {

absl::StatusOr<LearningRateSchedule> LearningRateSchedule::Create(const v1::OptimizerConfig& config,
                                                                  int64_t total_steps) {
  Shape shape;
  if (config.schedule() == "constant") {
    shape = Shape::kConstant;
  } else if (config.schedule() == "linear") {
    shape = Shape::kLinear;
  } else if (config.schedule() == "cosine") {
    shape = Shape::kCosine;
  } else {
    return absl::InvalidArgumentError(absl::StrCat("learner.optimizer.schedule is \"", config.schedule(),
                                                   "\"; known are constant, linear and cosine"));
  }
  return LearningRateSchedule(shape, config.learning_rate(), config.final_learning_rate_ratio(), config.warmup_steps(),
                              total_steps);
}

double LearningRateSchedule::At(int64_t step) const {
  if (step <= warmup_) return peak_ * static_cast<double>(step) / static_cast<double>(warmup_);
  if (shape_ == Shape::kConstant) return peak_;
  const double progress = std::clamp(
      static_cast<double>(step - warmup_) / std::max<double>(1.0, static_cast<double>(total_ - warmup_)), 0.0, 1.0);
  const double remaining = shape_ == Shape::kLinear ? 1 - progress : 0.5 * (1 + std::cos(std::numbers::pi * progress));
  return peak_ * (final_ratio_ + (1 - final_ratio_) * remaining);
}

}  // namespace maspo
