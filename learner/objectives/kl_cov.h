#pragma once

#include "learner/objectives/objective.h"
#include "learner/objectives/parameter_reader.h"

namespace maspo {

// KL-Cov (arXiv 2505.22617, Eq. 12, 13): the plain importance-weighted policy gradient, with a penalty on the tokens
// whose log-probability varies most with their advantage.
//
//   loss = -rho A, and + kl_coef |log pi - log pi_old| on the max(1, int(select_ratio * tokens)) tokens of largest
//   cov  = (A - mean A)(log pi - mean log pi), means over the mini-batch
class KlCovObjective final : public PolicyObjective {
 public:
  struct Parameters {
    double select_ratio = 0.0002;
    double kl_coef = 1;           // 0.1 in the authors' configuration.
    double log_ratio_clamp = 20;  // The reference code has none.
  };

  static Parameters Read(ParameterReader& in);

  explicit KlCovObjective(const Parameters& parameters)
      : PolicyObjective({.log_ratio_limit = parameters.log_ratio_clamp, .mini_batch = true, .every_response = true}),
        parameters_(parameters) {}
  ObjectiveOutputs Evaluate(const ObjectiveInputs& in) const override;
  std::unique_ptr<PolicyObjective> BoundTo(const ObjectiveInputs& mini_batch) const override;

  torch::Tensor Selected(const ObjectiveInputs& mini_batch) const;  // bool [T].

 private:
  const Parameters parameters_;
};

}  // namespace maspo
