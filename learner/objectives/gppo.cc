#include "learner/objectives/gppo.h"

#include "learner/objectives/surrogate_parts.h"

namespace maspo {

GppoObjective::Parameters GppoObjective::ReadGppo(ParameterReader& in) {
  Parameters p;
  in.AtLeast("clip_low", p.clip_low, 0);
  in.AtLeast("clip_high", p.clip_high, 0);
  in.Greater("log_ratio_clamp", p.log_ratio_clamp, 0);
  return p;
}

GppoObjective::Parameters GppoObjective::ReadCeGppo(ParameterReader& in) {
  Parameters p = ReadGppo(in);
  p.beta_low = 0.75;
  in.AtLeast("beta_low", p.beta_low, 0);
  in.AtLeast("beta_high", p.beta_high, 0);
  return p;
}

ObjectiveOutputs GppoObjective::Evaluate(const ObjectiveInputs& in) const {
  const auto ratio_T = Ratio(in);
  const auto rho_T = ratio_T.detach();
  const double low = 1 - parameters_.clip_low, high = 1 + parameters_.clip_high;
  const auto low_T = torch::logical_and(rho_T < low, in.advantages_T < 0);
  const auto high_T = torch::logical_and(rho_T > high, in.advantages_T > 0);
  auto gate_T = torch::ones_like(rho_T);
  gate_T = torch::where(low_T, parameters_.beta_low * low / rho_T, gate_T);
  gate_T = torch::where(high_T, parameters_.beta_high * high / rho_T, gate_T);
  ObjectiveOutputs out = GatedSurrogate(gate_T, ratio_T, in.advantages_T);
  out.gated_T = torch::logical_or(low_T, high_T);
  out.clipped_T = out.gated_T;
  return out;
}

}  // namespace maspo
