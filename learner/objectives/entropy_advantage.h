#pragma once

#include "learner/objectives/grpo_clip.h"

namespace maspo {

// Entropy advantage (arXiv 2506.14758; arXiv 2602.17550, sec. 3): tokens of uncertain moments count more, in the
// clipped surrogate.
//
//   A' = A + min(alpha H, |A| / kappa), without a gradient through H, the entropy of the current policy
//
// kappa > 1 keeps the sign of A.
class EntropyAdvantage final : public PolicyObjective {
 public:
  struct Parameters {
    double alpha = 0.4;
    double kappa = 2;
    GrpoClipObjective::Parameters clip;
  };

  static Parameters Read(ParameterReader& in);

  explicit EntropyAdvantage(const Parameters& parameters)
      : PolicyObjective({.log_ratio_limit = parameters.clip.log_ratio_clamp}), parameters_(parameters) {}
  ObjectiveOutputs Evaluate(const ObjectiveInputs& in) const override;

  torch::Tensor ShapedAdvantages(const ObjectiveInputs& in) const;

 private:
  const Parameters parameters_;
};

}  // namespace maspo
