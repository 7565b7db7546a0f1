#include "learner/objectives/maspo.h"

#include "learner/objectives/surrogate_parts.h"
#include "services/base/status_macros.h"

namespace maspo {

MaspoObjective::Parameters MaspoObjective::Read(ParameterReader& in) {
  Parameters p;
  in.Greater("sigma_base", p.sigma_base, 0);
  in.AtLeast("alpha", p.alpha, 0);
  in.AtLeast("beta_high", p.beta_high, 0);
  in.AtLeast("beta_low", p.beta_low, 0);
  in.Greater("mass_cap", p.mass_cap, 0);
  in.AtLeast("risk_low", p.risk_low, 0);
  in.AtLeast("risk_high", p.risk_high, p.risk_low);
  in.Choice("gating", p.gating);
  in.Greater("dual_clip", p.dual_clip, 1);
  in.Greater("log_ratio_clamp", p.log_ratio_clamp, 0);
  return p;
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

torch::Tensor MaspoObjective::GatedTokens(const torch::Tensor& ratio_T, const torch::Tensor& advantages_T) const {
  switch (parameters_.gating) {
    case v1::GATING_UNILATERAL:
      return MovedWithAdvantage(ratio_T, advantages_T);
    case v1::GATING_BILATERAL:
      return advantages_T != 0;
    case v1::GATING_NONE:
      return torch::zeros_like(advantages_T, torch::kBool);
  }
  MASPO_CHECK(false);
}

ObjectiveOutputs MaspoObjective::Evaluate(const ObjectiveInputs& in) const {
  const auto ratio_T = Ratio(in);
  const auto rho_T = ratio_T.detach();
  const auto gated_T = GatedTokens(rho_T, in.advantages_T);
  const auto gaussian_T = torch::exp(-torch::square((rho_T - 1) / TrustWidth(in)) / 2);
  const auto gate_T = torch::where(gated_T, gaussian_T, torch::ones_like(gaussian_T));
  const auto bounded_T = torch::logical_and(rho_T > parameters_.dual_clip, in.advantages_T < 0);
  const auto capped_T = torch::where(bounded_T, torch::full_like(rho_T, parameters_.dual_clip), ratio_T);
  return {.loss_T = -gate_T * capped_T * in.advantages_T,
          .gate_T = torch::where(bounded_T, torch::zeros_like(gate_T), gate_T),
          .gated_T = torch::logical_or(gated_T, bounded_T),
          .bounded_T = bounded_T};
}

}  // namespace maspo
