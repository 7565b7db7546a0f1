#include "learner/objectives/kl_penalty.h"

#include <utility>

#include "learner/objectives/regularized_objective.h"
#include "services/base/status_macros.h"

namespace maspo {

torch::Tensor KlPenalty(v1::KlEstimate estimate, const torch::Tensor& logprobs_T,
                        const torch::Tensor& reference_logprobs_T) {
  const auto x_T = logprobs_T - reference_logprobs_T;
  switch (estimate) {
    case v1::KL_ESTIMATE_K1:
      return x_T;
    case v1::KL_ESTIMATE_ABS:
      return torch::abs(x_T);
    case v1::KL_ESTIMATE_K2:
      return 0.5 * torch::square(x_T);
    case v1::KL_ESTIMATE_K3: {
      const auto y_T = torch::clamp(-x_T, -20, 20);
      return torch::clamp(torch::exp(y_T) - y_T - 1, -10, 10);
    }
  }
  MASPO_CHECK(false);
}

std::unique_ptr<PolicyObjective> WithKlPenalty(std::unique_ptr<PolicyObjective> objective, v1::KlEstimate estimate,
                                               double coef) {
  ObjectiveTraits traits = objective->traits();
  traits.every_response = true;
  traits.reference = true;
  return std::make_unique<RegularizedObjective>(
      std::move(objective), traits, [estimate, coef](const ObjectiveInputs& in) {
        return coef * KlPenalty(estimate, in.logprobs_T, in.reference_logprobs_T);
      });
}

}  // namespace maspo
