#include "learner/objectives/surrogate_parts.h"

namespace maspo {

torch::Tensor PolicyObjective::Ratio(const ObjectiveInputs& in) const {
  const double limit = traits_.log_ratio_limit;
  return torch::exp(torch::clamp(in.logprobs_T - in.old_logprobs_T, -limit, limit));
}

torch::Tensor MovedWithAdvantage(const torch::Tensor& ratio_T, const torch::Tensor& advantages_T) {
  const torch::NoGradGuard no_grad;
  return torch::logical_or(torch::logical_and(advantages_T > 0, ratio_T > 1),
                           torch::logical_and(advantages_T < 0, ratio_T < 1));
}

ObjectiveOutputs GatedSurrogate(const torch::Tensor& gate_T, const torch::Tensor& ratio_T,
                                const torch::Tensor& advantages_T) {
  const auto detached_T = gate_T.detach();
  return {.loss_T = -detached_T * ratio_T * advantages_T, .gate_T = detached_T};
}

RatioBounds RatioBounds::Around1(double low, double high, double dual) {
  return {.low_T = torch::scalar_tensor(1 - low, torch::kDouble),
          .high_T = torch::scalar_tensor(1 + high, torch::kDouble),
          .dual = dual};
}

ObjectiveOutputs ClippedSurrogate(const torch::Tensor& ratio_T, const torch::Tensor& advantages_T,
                                  const RatioBounds& bounds) {
  const auto rho_T = ratio_T.detach();
  const auto clipped_T = torch::minimum(torch::maximum(rho_T, bounds.low_T.to(rho_T)), bounds.high_T.to(rho_T));
  const auto beyond_T = torch::logical_and(rho_T != clipped_T, MovedWithAdvantage(rho_T, advantages_T));
  const auto beyond_dual_T = torch::logical_and(rho_T > bounds.dual, advantages_T < 0);
  auto bounded_T = torch::where(beyond_T, clipped_T, ratio_T);
  bounded_T = torch::where(beyond_dual_T, torch::full_like(rho_T, bounds.dual), bounded_T);
  const auto gated_T = torch::logical_or(beyond_T, beyond_dual_T);
  return {.loss_T = -bounded_T * advantages_T,
          .gate_T = torch::logical_not(gated_T).to(rho_T.dtype()),
          .gated_T = gated_T,
          .clipped_T = beyond_T,
          .clipped_lower_T = beyond_dual_T,
          .bounded_T = beyond_dual_T};
}

torch::Tensor ResponseMean(const torch::Tensor& x_T, const ObjectiveInputs& in) {
  const auto zeros_R = torch::zeros({in.num_responses}, x_T.options().requires_grad(false));
  const auto tokens_R = zeros_R.index_add(0, in.response_T, torch::ones_like(x_T.detach()));
  return zeros_R.index_add(0, in.response_T, x_T) / torch::clamp_min(tokens_R, 1);
}

torch::Tensor TokenCovariance(const ObjectiveInputs& in) {
  const auto logprobs_T = in.logprobs_T.detach();
  return (in.advantages_T - in.advantages_T.mean()) * (logprobs_T - logprobs_T.mean());
}

}  // namespace maspo
