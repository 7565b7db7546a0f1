#pragma once

#include "learner/advantage/advantage_estimator.h"

namespace maspo {

// RLOO, REINFORCE leave-one-out (arXiv 2402.14740): r less the mean of the other responses, which is
// (r - mean) n / (n - 1). A lone response keeps its score.
class RlooAdvantage final : public AdvantageEstimator {
 public:
  Advantages Compute(const AdvantageInputs& in) const override;
};

}  // namespace maspo
