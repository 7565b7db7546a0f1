#pragma once

#include "learner/objectives/objective.h"
#include "learner/objectives/parameter_reader.h"

namespace maspo {

// GSPO, group sequence policy optimization (arXiv 2507.18071): one ratio for a response, the geometric mean of its
// tokens'.
//
//   s_i   = exp(mean over t of log pi - log pi_old), the exponent at most 10                      (7)
//   s_it  = sg[s_i] * pi / sg[pi]                                                                 (14)
//   loss  = -min(s_it A, clip(s_it, 1 - clip_low, 1 + clip_high) A), averaged by seq-mean-token-mean
//
// This is GSPO-token (Eq. 13), which takes an advantage for each token. With one advantage for all tokens of a response
// it has the value and the gradient of GSPO (Eq. 5); so both names mean it. Its response must not be split.
class GspoObjective final : public PolicyObjective {
 public:
  struct Parameters {
    double clip_low = 3e-4;
    double clip_high = 4e-4;
  };

  static Parameters Read(ParameterReader& in);

  explicit GspoObjective(const Parameters& parameters);
  ObjectiveOutputs Evaluate(const ObjectiveInputs& in) const override;

  torch::Tensor SequenceRatio(const ObjectiveInputs& in) const;  // s, [R]; 1 for a response without tokens. Detached.

 private:
  const Parameters parameters_;
};

}  // namespace maspo
