#pragma once

#include "learner/advantage/advantage_estimator.h"

namespace maspo {

// OPO, on-policy optimal reward baseline (arXiv 2505.23585): r - sum(n_j r_j) / sum(n_j), the scores of the group
// weighted by their numbers of tokens. A lone response keeps its score; equal scores give exactly 0.
class OpoAdvantage final : public AdvantageEstimator {
 public:
  Advantages Compute(const AdvantageInputs& in) const override;
};

}  // namespace maspo
