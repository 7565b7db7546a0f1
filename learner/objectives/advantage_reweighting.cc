#include "learner/objectives/advantage_reweighting.h"

namespace maspo {

AdvantageReweighting::Parameters AdvantageReweighting::Read(ParameterReader& in) {
  Parameters p;
  in.AtLeast("alpha", p.alpha, 0);
  in.Require(!(p.alpha > 1), "learner.objective.alpha must be at most 1: it is the share of the probability");
  in.Choice("probability", p.probability);
  p.clip = GrpoClipObjective::Read(in);
  return p;
}

torch::Tensor AdvantageReweighting::ShapedAdvantages(const ObjectiveInputs& in) const {
  const double alpha = parameters_.alpha;
  const bool by_old = parameters_.probability == v1::WEIGHING_POLICY_OLD;
  const auto& logprobs_T = by_old ? in.old_logprobs_T : in.logprobs_T;
  return (alpha * torch::exp(logprobs_T.detach()) + (1 - alpha)) * in.advantages_T;
}

ObjectiveOutputs AdvantageReweighting::Evaluate(const ObjectiveInputs& in) const {
  const GrpoClipObjective::Parameters& clip = parameters_.clip;
  return ClippedSurrogate(Ratio(in), ShapedAdvantages(in),
                          RatioBounds::Around1(clip.clip_low, clip.clip_high, clip.dual_clip));
}

}  // namespace maspo
