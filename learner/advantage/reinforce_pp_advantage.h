#pragma once

#include "learner/advantage/advantage_estimator.h"

namespace maspo {

// REINFORCE++ (arXiv 2501.03262): discounted returns G_t = r_t + gamma G_(t+1), whitened over all tokens of the step. A
// position outside the mask ends the return of those before it.
class ReinforcePpAdvantage final : public AdvantageEstimator {
 public:
  explicit ReinforcePpAdvantage(double gamma) : gamma_(gamma) {}
  Advantages Compute(const AdvantageInputs& in) const override;

 private:
  const double gamma_;
};

// Its form with a baseline: scores less their group's mean (a lone one stays), spread over the tokens, then whitened.
class ReinforcePpBaselineAdvantage final : public AdvantageEstimator {
 public:
  Advantages Compute(const AdvantageInputs& in) const override;
};

}  // namespace maspo
