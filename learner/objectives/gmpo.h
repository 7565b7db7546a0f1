#pragma once

#include "learner/objectives/objective.h"
#include "learner/objectives/parameter_reader.h"

namespace maspo {

// GMPO, geometric-mean policy optimization (arXiv 2507.20673, Eq. 3): the geometric mean of a response's ratios, each
// clipped in log space on the side that its advantage pushes to. d = log pi - log pi_old:
//
//   d'   = sgn(A) min(sgn(A) d, sgn(A) clip(d, -clip_low, clip_high))
//   loss = -A_i exp(mean over t of d'),  A_i = mean over t of A
//
// one number a response, averaged over all responses, where an empty one counts as 0. Its response must not be split.
class GmpoObjective final : public PolicyObjective {
 public:
  struct Parameters {
    double clip_low = 0.4;
    double clip_high = 0.4;
    double log_ratio_clamp = 20;  // Of d; the reference code has none.
  };

  static Parameters Read(ParameterReader& in);

  explicit GmpoObjective(const Parameters& parameters)
      : PolicyObjective(
            {.log_ratio_limit = parameters.log_ratio_clamp, .aggregation = v1::AGGREGATION_ALL_SEQ_MEAN_TOKEN_MEAN}),
        parameters_(parameters) {}
  ObjectiveOutputs Evaluate(const ObjectiveInputs& in) const override;

 private:
  const Parameters parameters_;
};

}  // namespace maspo
