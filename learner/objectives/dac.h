#pragma once

#include <limits>

#include "learner/objectives/grpo_clip.h"

namespace maspo {

// Dynamic-adaptive clipping of DCPO (arXiv 2509.02333; arXiv 2602.17550, Eq. 3): the clipped surrogate whose bounds
// widen as the token was rarer under the old policy.
//
//   low  = 0.5 + 0.5 sqrt(max(1 - 4 clip_low / pi_old, 0))
//   high = 0.5 + 0.5 sqrt(1 + 4 clip_high / pi_old), at most ratio_high_cap
//
// They are where (rho - 1) rho pi_old reaches -clip_low and clip_high. ratio_high_cap 10 and dual_clip 10 are in the
// code of the method's authors and not in the paper; both are off by default.
class DacObjective final : public PolicyObjective {
 public:
  struct Parameters {
    GrpoClipObjective::Parameters clip;
    double ratio_high_cap = std::numeric_limits<double>::infinity();
  };

  static Parameters Read(ParameterReader& in);

  explicit DacObjective(const Parameters& parameters)
      : PolicyObjective({.log_ratio_limit = parameters.clip.log_ratio_clamp}), parameters_(parameters) {}
  ObjectiveOutputs Evaluate(const ObjectiveInputs& in) const override;

  RatioBounds Bounds(const torch::Tensor& old_logprobs_T) const;

 private:
  const Parameters parameters_;
};

}  // namespace maspo
