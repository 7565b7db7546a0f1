#include "learner/objectives/grpo_clip.h"

namespace maspo {

GrpoClipObjective::Parameters GrpoClipObjective::Read(ParameterReader& in, Parameters defaults) {
  in.AtLeast("clip_low", defaults.clip_low, 0);
  in.AtLeast("clip_high", defaults.clip_high, 0);
  in.Greater("dual_clip", defaults.dual_clip, 1);
  in.Greater("log_ratio_clamp", defaults.log_ratio_clamp, 0);
  return defaults;
}

ObjectiveOutputs GrpoClipObjective::Evaluate(const ObjectiveInputs& in) const {
  return ClippedSurrogate(Ratio(in), in.advantages_T,
                          RatioBounds::Around1(parameters_.clip_low, parameters_.clip_high, parameters_.dual_clip));
}

}  // namespace maspo
