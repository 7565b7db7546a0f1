#include "learner/advantage/grpo_advantage.h"

#include <cmath>

#include "learner/advantage/advantage_parts.h"

namespace maspo {

absl::StatusOr<std::unique_ptr<AdvantageEstimator>> GrpoAdvantage::Make(const v1::AdvantageConfig& config) {
  const v1::Normalization normalization = config.has_normalization() ? config.normalization() : v1::NORMALIZATION_STD;
  if (config.has_epsilon() && normalization != v1::NORMALIZATION_STD) {
    return absl::InvalidArgumentError("learner.advantage.epsilon: only normalization std has it");
  }
  return std::make_unique<GrpoAdvantage>(normalization, config.has_epsilon() ? config.epsilon() : 1e-6);
}

std::vector<double> GrpoAdvantage::OfGroup(absl::Span<const double> scores) const {
  std::vector<double> advantages = Centred(scores);
  if (normalization_ == v1::NORMALIZATION_MEAN_ONLY) return advantages;
  const bool by_sample = normalization_ == v1::NORMALIZATION_STD;
  const auto n = static_cast<double>(scores.size());
  if (n == 1) return {by_sample ? advantages[0] : 0};
  double squares = 0;
  for (const double a : advantages) squares += a * a;
  if (squares == 0) return advantages;
  const double scale = by_sample ? std::sqrt(squares / (n - 1)) + epsilon_ : std::sqrt(squares / n);
  for (double& a : advantages) a /= scale;
  return advantages;
}

Advantages GrpoAdvantage::Compute(const AdvantageInputs& in) const {
  const auto per_response =
      ByGroup(in, [this](absl::Span<const double> scores, absl::Span<const size_t>) { return OfGroup(scores); });
  return {.advantages = SpreadOverTokens(per_response, in)};
}

}  // namespace maspo
