#include "learner/objectives/maspo.h"

#include "learner/objectives/parameter_checks.h"
#include "learner/objectives/surrogate_parts.h"
#include "services/base/status_macros.h"

namespace maspo {

absl::StatusOr<std::unique_ptr<PolicyObjective>> MaspoObjective::Make(const v1::ObjectiveConfig& config) {
  Parameters p;
  if (config.has_sigma_base()) p.sigma_base = config.sigma_base();
  if (config.has_alpha()) p.alpha = config.alpha();
  if (config.has_beta_high()) p.beta_high = config.beta_high();
  if (config.has_beta_low()) p.beta_low = config.beta_low();
  if (config.has_mass_cap()) p.mass_cap = config.mass_cap();
  if (config.has_risk_low()) p.risk_low = config.risk_low();
  if (config.has_risk_high()) p.risk_high = config.risk_high();
  MASPO_RETURN_IF_ERROR(RequirePositive("sigma_base", p.sigma_base));
  MASPO_RETURN_IF_ERROR(RequireAtLeast("alpha", p.alpha, 0));
  MASPO_RETURN_IF_ERROR(RequireAtLeast("beta_high", p.beta_high, 0));
  MASPO_RETURN_IF_ERROR(RequireAtLeast("beta_low", p.beta_low, 0));
  MASPO_RETURN_IF_ERROR(RequirePositive("mass_cap", p.mass_cap));
  MASPO_RETURN_IF_ERROR(RequirePositive("risk_low", p.risk_low));
  MASPO_RETURN_IF_ERROR(RequireAtLeast("risk_high", p.risk_high, p.risk_low));
  return std::make_unique<MaspoObjective>(p);
}

// sigma: Eq. 7, 8 with the limits of Eq. 19, 20.
torch::Tensor MaspoObjective::TrustWidth(const ObjectiveInputs& in) const {
  const Parameters& p = parameters_;
  const auto& advantages_T = in.advantages_T;
  const auto mass_T = torch::clamp_max(p.sigma_base * torch::exp(-p.alpha * in.old_logprobs_T), p.mass_cap);
  const auto risk_positive_T = 1 + p.beta_high * advantages_T;
  // The other sign's expression is unused, and infinite at A = 1 / beta_low: evaluate it where it is meant only.
  const auto risk_negative_T = 1 / (1 - p.beta_low * torch::clamp_max(advantages_T, 0));
  const auto risk_T = torch::where(advantages_T > 0, risk_positive_T, risk_negative_T);
  return mass_T * torch::clamp(risk_T, p.risk_low, p.risk_high);
}

ObjectiveOutputs MaspoObjective::Evaluate(const ObjectiveInputs& in) const {
  const auto ratio_T = ImportanceRatio(in.logprobs_T, in.old_logprobs_T);
  const auto drift_T = ratio_T.detach() - 1;
  const auto gated_T = MovedWithAdvantage(ratio_T, in.advantages_T);
  const auto gaussian_T = torch::exp(-torch::square(drift_T / TrustWidth(in)) / 2);
  const auto gate_T = torch::where(gated_T, gaussian_T, torch::ones_like(gaussian_T));
  return {.loss_T = -gate_T * ratio_T * in.advantages_T, .gate_T = gate_T, .gated_T = gated_T};
}

}  // namespace maspo
