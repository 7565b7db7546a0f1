#pragma once

#include <limits>

#include "learner/objectives/objective.h"

namespace maspo {

// The clipped surrogate of PPO as GRPO uses it (arXiv 2402.03300; the baseline of arXiv 2602.17550, sec. 3).
// rho = pi / pi_old, A = advantage.
//
//   s    = min(rho A, clip(rho, 1 - clip_low, 1 + clip_high) A)
//   s    = max(s, dual_clip A) where A < 0 (dual clip, arXiv 1912.09729; off by default)
//   loss = -s
//
// Other bounds make Clip-Higher of it (0.2 / 0.28).
class GrpoClipObjective final : public PolicyObjective {
 public:
  struct Parameters {
    double clip_low = 0.2;
    double clip_high = 0.2;
    double dual_clip = std::numeric_limits<double>::infinity();  // Off.
  };

  // InvalidArgument: a parameter is out of range.
  static absl::StatusOr<std::unique_ptr<PolicyObjective>> Make(const v1::ObjectiveConfig& config);

  explicit GrpoClipObjective(const Parameters& parameters) : parameters_(parameters) {}
  ObjectiveOutputs Evaluate(const ObjectiveInputs& in) const override;
  ClipBounds clip_bounds() const override;

 private:
  const Parameters parameters_;
};

}  // namespace maspo
