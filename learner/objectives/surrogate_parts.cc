#include "learner/objectives/surrogate_parts.h"

namespace maspo {

torch::Tensor ImportanceRatio(const torch::Tensor& logprobs_T, const torch::Tensor& old_logprobs_T, double limit) {
  return torch::exp(torch::clamp(logprobs_T - old_logprobs_T, -limit, limit));
}

torch::Tensor MovedWithAdvantage(const torch::Tensor& ratio_T, const torch::Tensor& advantages_T) {
  const torch::NoGradGuard no_grad;
  return torch::logical_or(torch::logical_and(advantages_T > 0, ratio_T > 1),
                           torch::logical_and(advantages_T < 0, ratio_T < 1));
}

}  // namespace maspo
