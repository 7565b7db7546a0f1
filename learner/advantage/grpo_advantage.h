#pragma once

#include "learner/advantage/advantage_estimator.h"

namespace maspo {

// GRPO (arXiv 2402.03300; arXiv 2602.17550, Eq. 21-24): scores standardised within the group.
//
//   std                    (r - mean) / (s + epsilon), s with n - 1: what the reference code computes
//   mean_only              r - mean (Dr. GRPO, arXiv 2503.20783)
//   paper_population_std   (r - mean) / s, s with n and no epsilon, as Eq. 22 implies
//
// Equal scores give exactly 0. A lone response keeps its score, and under paper_population_std it is a group without
// variance.
class GrpoAdvantage final : public AdvantageEstimator {
 public:
  static absl::StatusOr<std::unique_ptr<AdvantageEstimator>> Make(const v1::AdvantageConfig& config);

  GrpoAdvantage(v1::Normalization normalization, double epsilon) : normalization_(normalization), epsilon_(epsilon) {}
  Advantages Compute(const AdvantageInputs& in) const override;

 private:
  std::vector<double> OfGroup(absl::Span<const double> scores) const;

  const v1::Normalization normalization_;
  const double epsilon_;
};

}  // namespace maspo
