#include "learner/objectives/aspo.h"

#include "learner/objectives/surrogate_parts.h"

namespace maspo {

AspoObjective::Parameters AspoObjective::Read(ParameterReader& in) {
  Parameters p;
  in.AtLeast("clip_low", p.clip_low, 0);
  in.AtLeast("clip_high", p.clip_high, 0);
  in.Greater("dual_clip", p.dual_clip, 1);
  in.Greater("log_ratio_clamp", p.log_ratio_clamp, 0);
  return p;
}

ObjectiveOutputs AspoObjective::Evaluate(const ObjectiveInputs& in) const {
  const auto ratio_T = Ratio(in);
  const auto rho_T = ratio_T.detach();
  const auto positive_T = in.advantages_T > 0;
  const auto clipped_T = torch::logical_or(torch::logical_and(positive_T, rho_T > 1 + parameters_.clip_high),
                                           torch::logical_and(in.advantages_T < 0, rho_T < 1 - parameters_.clip_low));
  const auto flipped_T = torch::where(positive_T, 1 / rho_T, rho_T);
  const auto capped_T = flipped_T > parameters_.dual_clip;
  const auto weight_T =
      torch::where(clipped_T, torch::zeros_like(rho_T), torch::clamp_max(flipped_T, parameters_.dual_clip));
  ObjectiveOutputs out = GatedSurrogate(weight_T / rho_T, ratio_T, in.advantages_T);
  out.gated_T = torch::logical_or(clipped_T, weight_T != rho_T);
  out.clipped_T = clipped_T;
  out.clipped_lower_T = torch::logical_and(capped_T, in.advantages_T < 0);
  return out;
}

}  // namespace maspo
