#pragma once

#include <memory>

#include "learner/objectives/objective.h"

namespace maspo {

// Entropy regularization (arXiv 1602.01783; arXiv 2602.17550, sec. 3): any objective with a bonus for the entropy H of
// the current distribution, aggregated like the loss.
//
//   loss = L - entropy_coef H, and the gradient flows into H
//
// The objective entropy_reg is this on the clipped surrogate, with the coefficient 0.01.
std::unique_ptr<PolicyObjective> WithEntropyBonus(std::unique_ptr<PolicyObjective> objective, double entropy_coef);

}  // namespace maspo
