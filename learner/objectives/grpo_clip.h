#pragma once

#include <limits>

#include "learner/objectives/objective.h"
#include "learner/objectives/parameter_reader.h"
#include "learner/objectives/surrogate_parts.h"

namespace maspo {

// The clipped surrogate of PPO as GRPO uses it (arXiv 2402.03300; the baseline of arXiv 2602.17550, sec. 3).
// rho = pi / pi_old, A = advantage.
//
//   s    = min(rho A, clip(rho, 1 - clip_low, 1 + clip_high) A)
//   s    = max(s, dual_clip A) where A < 0 (dual clip, arXiv 1912.09729; off by default)
//   loss = -s
//
// Other bounds make Clip-Higher of it (DAPO, arXiv 2503.14476, Eq. 8: 0.2 / 0.28; 0.2 / 0.265 in arXiv 2602.17550).
// With GAE-style advantages it is PPO's objective.
class GrpoClipObjective final : public PolicyObjective {
 public:
  struct Parameters {
    double clip_low = 0.2;  // 1 or more: no lower bound.
    double clip_high = 0.2;
    double dual_clip = std::numeric_limits<double>::infinity();  // Off.
    double log_ratio_clamp = 20;
  };

  // The parameters of a clipped surrogate, which other objectives have too.
  static Parameters Read(ParameterReader& in) { return Read(in, {}); }
  static Parameters Read(ParameterReader& in, Parameters defaults);

  explicit GrpoClipObjective(const Parameters& parameters)
      : PolicyObjective({.log_ratio_limit = parameters.log_ratio_clamp}), parameters_(parameters) {}
  ObjectiveOutputs Evaluate(const ObjectiveInputs& in) const override;

 private:
  const Parameters parameters_;
};

}  // namespace maspo
