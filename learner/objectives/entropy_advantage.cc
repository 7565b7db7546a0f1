#include "learner/objectives/entropy_advantage.h"

namespace maspo {

EntropyAdvantage::Parameters EntropyAdvantage::Read(ParameterReader& in) {
  Parameters p;
  in.AtLeast("alpha", p.alpha, 0);
  in.Greater("kappa", p.kappa, 0);
  p.clip = GrpoClipObjective::Read(in);
  return p;
}

torch::Tensor EntropyAdvantage::ShapedAdvantages(const ObjectiveInputs& in) const {
  const auto& advantages_T = in.advantages_T;
  const auto bonus_T = parameters_.alpha * in.entropy_T.detach();
  return advantages_T + torch::minimum(bonus_T, advantages_T.abs() / parameters_.kappa);
}

ObjectiveOutputs EntropyAdvantage::Evaluate(const ObjectiveInputs& in) const {
  const GrpoClipObjective::Parameters& clip = parameters_.clip;
  return ClippedSurrogate(Ratio(in), ShapedAdvantages(in),
                          RatioBounds::Around1(clip.clip_low, clip.clip_high, clip.dual_clip));
}

}  // namespace maspo
