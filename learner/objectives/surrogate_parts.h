#pragma once

#include "learner/objectives/objective.h"

namespace maspo {

// What the objectives are composed of. T response tokens, R responses.

// Where an update has moved the token the way its advantage pushes it: A > 0 and rho > 1, or A < 0 and rho < 1. The
// side on which a one-sided trust region acts. Detached.
torch::Tensor MovedWithAdvantage(const torch::Tensor& ratio_T, const torch::Tensor& advantages_T);

// loss = -sg[F] rho A, whose gradient is -F rho A: any gate F that carries no gradient itself. Sets loss and gate.
ObjectiveOutputs GatedSurrogate(const torch::Tensor& gate_T, const torch::Tensor& ratio_T,
                                const torch::Tensor& advantages_T);

// The interval that a ratio is clipped to, [T] or one number for all, and the dual clip (infinity = off).
struct RatioBounds {
  torch::Tensor low_T;
  torch::Tensor high_T;
  double dual;

  // [1 - low, 1 + high] for all tokens.
  static RatioBounds Around1(double low, double high, double dual);
};

// The clipped surrogate of PPO (arXiv 1707.06347, Eq. 7) with the dual clip of arXiv 1912.09729:
//
//   s = min(rho A, clip(rho, low, high) A);   s = max(s, dual A) where A < 0;   loss = -s
//
// min(rho A, clip(rho) A) differs from rho A only where rho left the interval the way A pushes, and max(s, dual A),
// where A < 0, is rho < dual. So each token has one branch, and F (0 or 1) says which.
ObjectiveOutputs ClippedSurrogate(const torch::Tensor& ratio_T, const torch::Tensor& advantages_T,
                                  const RatioBounds& bounds);

// The mean of x over each response's tokens, [R]; 0 for a response without tokens. Carries the gradient.
torch::Tensor ResponseMean(const torch::Tensor& x_T, const ObjectiveInputs& in);

// (A - mean A)(log pi - mean log pi), means over all tokens given (arXiv 2505.22617, Eq. 9). Detached.
torch::Tensor TokenCovariance(const ObjectiveInputs& in);

}  // namespace maspo
