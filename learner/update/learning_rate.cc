#include "learner/update/learning_rate.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "services/base/status_macros.h"

namespace maspo {

double LearningRateSchedule::At(int64_t step) const {
  if (step <= warmup_) return peak_ * static_cast<double>(step) / static_cast<double>(warmup_);
  const double progress = std::clamp(
      static_cast<double>(step - warmup_) / std::max<double>(1.0, static_cast<double>(total_ - warmup_)), 0.0, 1.0);
  const auto with_remaining = [&](double share) { return peak_ * (final_ratio_ + (1 - final_ratio_) * share); };
  switch (shape_) {
    case v1::SCHEDULE_CONSTANT:
      return peak_;
    case v1::SCHEDULE_LINEAR:
      return with_remaining(1 - progress);
    case v1::SCHEDULE_COSINE:
      return with_remaining(0.5 * (1 + std::cos(std::numbers::pi * progress)));
  }
  MASPO_CHECK(false);
}

}  // namespace maspo
