#pragma once

#include "learner/objectives/objective.h"
#include "learner/objectives/parameter_reader.h"

namespace maspo {

// CISPO, clipped importance-sampling policy optimization (MiniMax-M1, arXiv 2506.13585, Eq. 4): the weight is clipped,
// not the token's gradient.
//
//   loss = -sg[clip(rho, 1 - clip_low, 1 + clip_high)] A log pi
//
// clip_low of 1 or more leaves the lower bound away, as the paper does.
class CispoObjective final : public PolicyObjective {
 public:
  struct Parameters {
    double clip_low = 10;
    double clip_high = 0.2;
    double log_ratio_clamp = 20;
  };

  static Parameters Read(ParameterReader& in);

  explicit CispoObjective(const Parameters& parameters)
      : PolicyObjective({.log_ratio_limit = parameters.log_ratio_clamp}), parameters_(parameters) {}
  ObjectiveOutputs Evaluate(const ObjectiveInputs& in) const override;

 private:
  const Parameters parameters_;
};

}  // namespace maspo
