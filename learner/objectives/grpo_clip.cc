#include "learner/objectives/grpo_clip.h"

#include "learner/objectives/parameter_checks.h"
#include "learner/objectives/surrogate_parts.h"
#include "services/base/status_macros.h"

namespace maspo {

absl::StatusOr<std::unique_ptr<PolicyObjective>> GrpoClipObjective::Make(const v1::ObjectiveConfig& config) {
  Parameters p;
  if (config.has_clip_low()) p.clip_low = config.clip_low();
  if (config.has_clip_high()) p.clip_high = config.clip_high();
  if (config.has_dual_clip()) p.dual_clip = config.dual_clip();
  MASPO_RETURN_IF_ERROR(RequireAtLeast("clip_low", p.clip_low, 0));
  MASPO_RETURN_IF_ERROR(RequireAtMost("clip_low", p.clip_low, 1));
  MASPO_RETURN_IF_ERROR(RequireAtLeast("clip_high", p.clip_high, 0));
  if (config.has_dual_clip()) MASPO_RETURN_IF_ERROR(RequireGreater("dual_clip", p.dual_clip, 1));
  return std::make_unique<GrpoClipObjective>(p);
}

ObjectiveOutputs GrpoClipObjective::Evaluate(const ObjectiveInputs& in) const {
  const auto& advantages_T = in.advantages_T;
  const auto ratio_T = ImportanceRatio(in.logprobs_T, in.old_logprobs_T);
  const auto clipped_T = torch::clamp(ratio_T, 1 - parameters_.clip_low, 1 + parameters_.clip_high);
  // min(rho A, clip(rho) A) differs from rho A only where rho left the interval the way A pushes; max(s, c A), where
  // A < 0, is rho < c. So each token has one branch, and F says which.
  const auto outside_T = ratio_T.detach() != clipped_T.detach();
  const auto beyond_T = torch::logical_and(outside_T, MovedWithAdvantage(ratio_T, advantages_T));
  const auto beyond_dual_T = torch::logical_and(advantages_T<0, ratio_T.detach()> parameters_.dual_clip);
  auto bounded_T = torch::where(beyond_T, clipped_T.detach(), ratio_T);
  bounded_T = torch::where(beyond_dual_T, torch::full_like(clipped_T, parameters_.dual_clip), bounded_T);
  const auto gated_T = torch::logical_or(beyond_T, beyond_dual_T);
  return {.loss_T = -bounded_T * advantages_T,
          .gate_T = torch::logical_not(gated_T).to(ratio_T.dtype()),
          .gated_T = gated_T};
}

PolicyObjective::ClipBounds GrpoClipObjective::clip_bounds() const {
  return {.low = parameters_.clip_low, .high = parameters_.clip_high, .dual = parameters_.dual_clip};
}

}  // namespace maspo
