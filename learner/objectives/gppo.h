#pragma once

#include "learner/objectives/objective.h"
#include "learner/objectives/parameter_reader.h"

namespace maspo {

// Gradient-preserving clips: where PPO's clip would cut a token off, its gradient stays at the size it has at the
// bound.
//
//   GPPO (arXiv 2508.07629, Eq. 5)      CE-GPPO (arXiv 2509.20712, Eq. 7), with factors beta that steer the entropy
//
//   l(A) = beta_low  (1 - clip_low)  / sg[rho] * rho A      where rho < 1 - clip_low  and A < 0
//          beta_high (1 + clip_high) / sg[rho] * rho A      where rho > 1 + clip_high and A > 0
//          rho A                                            elsewhere
//   loss = -l(A); GPPO is beta_low = beta_high = 1
//
// So F = beta * bound / rho beyond a bound, and 1 elsewhere. The authors' code also has a dual clip of 3 (grpo_clip.h),
// which is in neither paper and not here.
class GppoObjective final : public PolicyObjective {
 public:
  struct Parameters {
    double clip_low = 0.2;
    double clip_high = 0.28;  // Both papers' runs use DAPO's bounds.
    double beta_low = 1;      // CE-GPPO: 0.75 for 7B, 0.5 for 1.5B.
    double beta_high = 1;
    double log_ratio_clamp = 20;
  };

  static Parameters ReadGppo(ParameterReader& in);
  static Parameters ReadCeGppo(ParameterReader& in);

  explicit GppoObjective(const Parameters& parameters)
      : PolicyObjective({.log_ratio_limit = parameters.log_ratio_clamp}), parameters_(parameters) {}
  ObjectiveOutputs Evaluate(const ObjectiveInputs& in) const override;

 private:
  const Parameters parameters_;
};

}  // namespace maspo
