#include "learner/advantage/grpo_advantage.h"

#include <cmath>
#include <string>

#include "absl/strings/str_cat.h"
#include "learner/advantage/advantage_parts.h"
#include "services/base/status_macros.h"

namespace maspo {
namespace {

absl::StatusOr<GrpoAdvantage::Normalization> ParseNormalization(const std::string& name) {
  if (name == "std") return GrpoAdvantage::Normalization::kStd;
  if (name == "mean_only") return GrpoAdvantage::Normalization::kMeanOnly;
  if (name == "paper_population_std") return GrpoAdvantage::Normalization::kPaperPopulationStd;
  return absl::InvalidArgumentError(absl::StrCat("learner.advantage.normalization: unknown normalization \"", name,
                                                 "\" (known: std, mean_only, paper_population_std)"));
}

}  // namespace

absl::StatusOr<std::unique_ptr<AdvantageEstimator>> GrpoAdvantage::Make(const v1::AdvantageConfig& config) {
  MASPO_ASSIGN_OR_RETURN(const Normalization normalization,
                         ParseNormalization(config.has_normalization() ? config.normalization() : "std"));
  if (config.has_epsilon() && normalization != Normalization::kStd) {
    return absl::InvalidArgumentError("learner.advantage.epsilon: only normalization std has it");
  }
  return std::make_unique<GrpoAdvantage>(normalization, config.has_epsilon() ? config.epsilon() : 1e-6);
}

std::vector<double> GrpoAdvantage::OfGroup(absl::Span<const double> scores) const {
  std::vector<double> advantages = Centred(scores);
  if (normalization_ == Normalization::kMeanOnly) return advantages;
  const auto n = static_cast<double>(scores.size());
  if (n == 1) return {normalization_ == Normalization::kStd ? advantages[0] : 0};
  double squares = 0;
  for (const double a : advantages) squares += a * a;
  if (squares == 0) return advantages;
  const double scale =
      normalization_ == Normalization::kStd ? std::sqrt(squares / (n - 1)) + epsilon_ : std::sqrt(squares / n);
  for (double& a : advantages) a /= scale;
  return advantages;
}

Advantages GrpoAdvantage::Compute(const AdvantageInputs& in) const {
  const auto per_response =
      ByGroup(in, [this](absl::Span<const double> scores, absl::Span<const size_t>) { return OfGroup(scores); });
  return {.advantages = SpreadOverTokens(per_response, in)};
}

}  // namespace maspo
