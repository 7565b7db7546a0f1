#pragma once

#include "learner/advantage/advantage_estimator.h"

namespace maspo {

// ReMax (arXiv 2310.10505, Eq. 5): the rewards from a token on, less the reward of a greedy response to the same
// prompt.
class RemaxAdvantage final : public AdvantageEstimator {
 public:
  Advantages Compute(const AdvantageInputs& in) const override;
  bool needs_baselines() const override { return true; }
};

}  // namespace maspo
