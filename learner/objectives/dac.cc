#include "learner/objectives/dac.h"

namespace maspo {

DacObjective::Parameters DacObjective::Read(ParameterReader& in) {
  Parameters p;
  p.clip = GrpoClipObjective::Read(in);
  in.Greater("ratio_high_cap", p.ratio_high_cap, 1);
  return p;
}

RatioBounds DacObjective::Bounds(const torch::Tensor& old_logprobs_T) const {
  const auto four_over_old_T = 4 * torch::exp(-old_logprobs_T);
  const auto low_T = 0.5 + 0.5 * torch::sqrt(torch::clamp_min(1 - parameters_.clip.clip_low * four_over_old_T, 0));
  const auto high_T = 0.5 + 0.5 * torch::sqrt(1 + parameters_.clip.clip_high * four_over_old_T);
  return {.low_T = low_T,
          .high_T = torch::clamp_max(high_T, parameters_.ratio_high_cap),
          .dual = parameters_.clip.dual_clip};
}

ObjectiveOutputs DacObjective::Evaluate(const ObjectiveInputs& in) const {
  return ClippedSurrogate(Ratio(in), in.advantages_T, Bounds(in.old_logprobs_T));
}

}  // namespace maspo
