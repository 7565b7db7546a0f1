#pragma once

#include "learner/objectives/objective.h"
#include "learner/objectives/parameter_reader.h"

namespace maspo {

// ASPO, asymmetric importance sampling (arXiv 2510.06062, sec. 4): among tokens with A > 0 those that became likelier
// weigh less, not more.
//
//   w = 1 / rho where A > 0 (the ratio pi_old pi / sg[pi^2]: flipped in value, not in gradient), rho elsewhere
//   w = 0       where PPO would clip: A > 0 and rho > 1 + clip_high, or A < 0 and rho < 1 - clip_low
//   w = min(w, dual_clip), keeping the gradient (the soft dual clip)
//   gradient of the loss = -w A, the loss itself -w A too: F = w / rho
class AspoObjective final : public PolicyObjective {
 public:
  struct Parameters {
    double clip_low = 0.2;
    double clip_high = 0.2;
    double dual_clip = 3;
    double log_ratio_clamp = 20;
  };

  static Parameters Read(ParameterReader& in);

  explicit AspoObjective(const Parameters& parameters)
      : PolicyObjective({.log_ratio_limit = parameters.log_ratio_clamp}), parameters_(parameters) {}
  ObjectiveOutputs Evaluate(const ObjectiveInputs& in) const override;

 private:
  const Parameters parameters_;
};

}  // namespace maspo
