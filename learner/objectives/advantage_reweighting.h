#pragma once

#include "learner/objectives/grpo_clip.h"

namespace maspo {

// Advantage reweighting (arXiv 2505.12929; arXiv 2602.17550, sec. 3): rare tokens count less, in the clipped surrogate.
//
//   A' = (alpha pi + 1 - alpha) A, without a gradient through pi
//
// pi is the probability under the old policy (as in the code of the method's authors) or the current one (the letter of
// the paper).
class AdvantageReweighting final : public PolicyObjective {
 public:
  struct Parameters {
    double alpha = 0.1;  // 0.3 in the original.
    v1::WeighingPolicy probability = v1::WEIGHING_POLICY_OLD;
    GrpoClipObjective::Parameters clip;
  };

  static Parameters Read(ParameterReader& in);

  explicit AdvantageReweighting(const Parameters& parameters)
      : PolicyObjective({.log_ratio_limit = parameters.clip.log_ratio_clamp}), parameters_(parameters) {}
  ObjectiveOutputs Evaluate(const ObjectiveInputs& in) const override;

  torch::Tensor ShapedAdvantages(const ObjectiveInputs& in) const;

 private:
  const Parameters parameters_;
};

}  // namespace maspo
