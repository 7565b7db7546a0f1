#pragma once

#include <memory>

#include "learner/objectives/objective.h"

namespace maspo {

// Estimates (v1::KlEstimate) of KL(pi || pi_ref) from sampled tokens (J. Schulman, "Approximating KL Divergence",
// 2020). x = log pi - log pi_ref:
//
//   k1   x                        abs  |x|
//   k2   x^2 / 2                  k3   exp(-x) + x - 1, with -x in [-20, 20] and the result at most 10
//
// One estimate a token, [T]; carries the gradient of logprobs_T.
torch::Tensor KlPenalty(v1::KlEstimate estimate, const torch::Tensor& logprobs_T,
                        const torch::Tensor& reference_logprobs_T);

// Any objective with a penalty for leaving the frozen reference policy (GRPO, arXiv 2402.03300, Eq. 3 with k3):
// loss = L + coef * KlPenalty, aggregated like the loss.
std::unique_ptr<PolicyObjective> WithKlPenalty(std::unique_ptr<PolicyObjective> objective, v1::KlEstimate estimate,
                                               double coef);

}  // namespace maspo
