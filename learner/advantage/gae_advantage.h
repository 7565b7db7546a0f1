#pragma once

#include "learner/advantage/advantage_estimator.h"

namespace maspo {

// GAE, generalised advantage estimation (arXiv 1506.02438, Eq. 16), whitened over all tokens of the step:
//
//   delta_t = r_t + gamma V_(t+1) - V_t,   g_t = delta_t + gamma lambda g_(t+1),   return = g + V
//
// A position outside the mask is passed over: V and g of the token after it carry through. Without values (there is no
// value head) V = 0, and g is the return discounted by gamma lambda.
class GaeAdvantage final : public AdvantageEstimator {
 public:
  GaeAdvantage(double gamma, double lambda) : gamma_(gamma), lambda_(lambda) {}
  Advantages Compute(const AdvantageInputs& in) const override;

 private:
  const double gamma_, lambda_;
};

}  // namespace maspo
