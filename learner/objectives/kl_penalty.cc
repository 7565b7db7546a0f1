#include "learner/objectives/kl_penalty.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "learner/objectives/regularized_objective.h"
#include "services/base/status_macros.h"

namespace maspo {
absl::StatusOr<KlEstimate> ParseKlEstimate(std::string_view name) {
  if (name == "k1") return KlEstimate::kK1;
  if (name == "abs") return KlEstimate::kAbs;
  if (name == "k2") return KlEstimate::kK2;
  if (name == "k3") return KlEstimate::kK3;
  return absl::InvalidArgumentError(absl::StrCat("learner.objective.reference_kl_type: unknown estimate \"",
                                                 std::string(name), "\" (known: k1, abs, k2, k3)"));
}

torch::Tensor KlPenalty(KlEstimate estimate, const torch::Tensor& logprobs_T,
                        const torch::Tensor& reference_logprobs_T) {
  const auto x_T = logprobs_T - reference_logprobs_T;
  switch (estimate) {
    case KlEstimate::kK1:
      return x_T;
    case KlEstimate::kAbs:
      return torch::abs(x_T);
    case KlEstimate::kK2:
      return 0.5 * torch::square(x_T);
    case KlEstimate::kK3: {
      const auto y_T = torch::clamp(-x_T, -20, 20);
      return torch::clamp(torch::exp(y_T) - y_T - 1, -10, 10);
    }
  }
  MASPO_CHECK(false);
}

std::unique_ptr<PolicyObjective> WithKlPenalty(std::unique_ptr<PolicyObjective> objective, KlEstimate estimate,
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
