#pragma once

#include "learner/objectives/objective.h"
#include "learner/objectives/parameter_reader.h"

namespace maspo {

// Clip-Cov (arXiv 2505.22617, Eq. 10, 11): of the tokens whose log-probability varies most with their advantage, some
// chosen at random lose their gradient; the others have the clipped surrogate.
//
//   cov        = (A - mean A)(log pi - mean log pi), means over the mini-batch
//   candidates   cov_low < cov < cov_high, not clipped already
//   dropped      max(int(select_ratio * tokens), 1) of them: loss 0
//
// "At random" is by the tokens' keys: the same tokens whatever the order and the split of the mini-batch.
class ClipCovObjective final : public PolicyObjective {
 public:
  struct Parameters {
    double select_ratio = 0.0002;
    double cov_low = 1;
    double cov_high = 5;
    double clip_low = 0.2;
    double clip_high = 0.2;
    double log_ratio_clamp = 20;  // The reference code has none.
  };

  static Parameters Read(ParameterReader& in);

  explicit ClipCovObjective(const Parameters& parameters)
      : PolicyObjective({.log_ratio_limit = parameters.log_ratio_clamp, .mini_batch = true, .every_response = true}),
        parameters_(parameters) {}
  ObjectiveOutputs Evaluate(const ObjectiveInputs& in) const override;
  std::unique_ptr<PolicyObjective> BoundTo(const ObjectiveInputs& mini_batch) const override;

  torch::Tensor Candidates(const ObjectiveInputs& mini_batch) const;  // bool [T].
  int64_t NumToDrop(int64_t num_tokens) const;                        // Unless there are fewer candidates.
  // Bound with the tokens to drop given: bool [tokens of the mini-batch].
  std::unique_ptr<PolicyObjective> Dropping(torch::Tensor dropped_T) const;

 private:
  const Parameters parameters_;
};

}  // namespace maspo
