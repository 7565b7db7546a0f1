#include "learner/objectives/cispo.h"

namespace maspo {

CispoObjective::Parameters CispoObjective::Read(ParameterReader& in) {
  Parameters p;
  in.AtLeast("clip_low", p.clip_low, 0);
  in.AtLeast("clip_high", p.clip_high, 0);
  in.Greater("log_ratio_clamp", p.log_ratio_clamp, 0);
  return p;
}

ObjectiveOutputs CispoObjective::Evaluate(const ObjectiveInputs& in) const {
  const auto ratio_T = Ratio(in).detach();
  const auto weight_T = torch::clamp(ratio_T, 1 - parameters_.clip_low, 1 + parameters_.clip_high);
  const auto clipped_T = ratio_T != weight_T;
  return {.loss_T = -weight_T * in.advantages_T * in.logprobs_T,
          .gate_T = torch::where(clipped_T, weight_T / ratio_T, torch::ones_like(ratio_T)),
          .gated_T = clipped_T,
          .clipped_T = clipped_T};
}

}  // namespace maspo
