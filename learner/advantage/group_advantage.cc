#include "learner/advantage/group_advantage.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>

#include "absl/strings/str_cat.h"

namespace maspo {
namespace {

// GRPO (arXiv 2402.03300; arXiv 2602.17550, Eq. 21-24): rewards standardised within the group.
//
//   std                    (r - mean) / (s + 1e-6), s with n - 1: what the reference code computes
//   mean_only              r - mean (Dr. GRPO, arXiv 2503.20783)
//   paper_population_std   (r - mean) / s, s with n and no epsilon, as Eq. 22 implies
//
// Equal rewards give exactly 0, also where their mean rounds to another number. A lone response has no group to be
// compared with: it keeps its reward, and under paper_population_std it is a group without variance.
enum class Normalization { kStd, kMeanOnly, kPaperPopulationStd };

class GrpoAdvantage final : public GroupAdvantage {
 public:
  explicit GrpoAdvantage(Normalization normalization) : normalization_(normalization) {}

  std::vector<double> Compute(absl::Span<const double> rewards) const override {
    std::vector<double> advantages(rewards.begin(), rewards.end());
    if (rewards.size() == 1 && normalization_ != Normalization::kPaperPopulationStd) return advantages;
    if (IsZeroVariance(rewards)) {
      std::fill(advantages.begin(), advantages.end(), 0.0);
      return advantages;
    }
    const double n = static_cast<double>(rewards.size());
    const double mean = std::accumulate(rewards.begin(), rewards.end(), 0.0) / n;
    double squares = 0;
    for (const double r : rewards) squares += (r - mean) * (r - mean);
    const double scale = Scale(squares, n);
    for (double& a : advantages) a = (a - mean) / scale;
    return advantages;
  }

 private:
  double Scale(double squares, double n) const {
    switch (normalization_) {
      case Normalization::kStd:
        return std::sqrt(squares / (n - 1)) + 1e-6;
      case Normalization::kPaperPopulationStd:
        return std::sqrt(squares / n);
      case Normalization::kMeanOnly:
        break;
    }
    return 1;
  }

  const Normalization normalization_;
};

absl::StatusOr<Normalization> ParseNormalization(const std::string& name) {
  if (name == "std") return Normalization::kStd;
  if (name == "mean_only") return Normalization::kMeanOnly;
  if (name == "paper_population_std") return Normalization::kPaperPopulationStd;
  return absl::InvalidArgumentError(absl::StrCat("learner.advantage.normalization: unknown normalization \"", name,
                                                 "\" (known: std, mean_only, paper_population_std)"));
}

}  // namespace

bool IsZeroVariance(absl::Span<const double> rewards) {
  return std::all_of(rewards.begin(), rewards.end(), [&](double r) { return r == rewards.front(); });
}

absl::StatusOr<std::unique_ptr<GroupAdvantage>> MakeGroupAdvantage(const v1::AdvantageConfig& config) {
  if (config.name() == "grpo") {
    const absl::StatusOr<Normalization> normalization = ParseNormalization(config.normalization());
    if (!normalization.ok()) return normalization.status();
    return std::make_unique<GrpoAdvantage>(*normalization);
  }
  return absl::InvalidArgumentError(
      absl::StrCat("learner.advantage.name: unknown estimator \"", config.name(), "\" (known: grpo)"));
}

}  // namespace maspo
