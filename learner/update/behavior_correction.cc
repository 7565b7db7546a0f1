#include "learner/update/behavior_correction.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>

#include "absl/strings/str_cat.h"
#include "services/base/status_macros.h"

namespace maspo {
namespace {

absl::Status CheckPositive(const char* name, bool given, double value) {
  if (!given || value > 0) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("learner.behavior_correction.", name, " must be greater than 0, not ", value));
}

absl::Status CheckOrder(const char* name, const BehaviorCorrection::Interval& interval) {
  if (!interval.low || !interval.high || *interval.low <= *interval.high) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("learner.behavior_correction.", name, "_low is ", *interval.low,
                                                 ", more than ", name, "_high, which is ", *interval.high));
}

std::optional<double> Given(bool has, double value) { return has ? std::optional(value) : std::nullopt; }

// log w of every token.
std::vector<double> LogWeights(const TrainingResponse& response) {
  std::vector<double> log_weights;
  for (size_t t = 0; t < response.token_ids.size(); ++t) {
    log_weights.push_back(double{response.old_logprobs[t]} - double{response.behavior_logprobs[t]});
  }
  return log_weights;
}

}  // namespace

bool BehaviorCorrection::Interval::Has(double log_ratio) const {
  return (!low || log_ratio >= std::log(*low)) && (!high || log_ratio <= std::log(*high));
}

bool BehaviorCorrection::is_off() const {
  return !truncate && !sequence.low && !sequence.high && !geometric.low && !geometric.high;
}

absl::StatusOr<BehaviorCorrection> BehaviorCorrection::Make(const v1::BehaviorCorrectionConfig& c) {
  MASPO_RETURN_IF_ERROR(CheckPositive("truncate", c.has_truncate(), c.truncate()));
  MASPO_RETURN_IF_ERROR(CheckPositive("sequence_low", c.has_sequence_low(), c.sequence_low()));
  MASPO_RETURN_IF_ERROR(CheckPositive("sequence_high", c.has_sequence_high(), c.sequence_high()));
  MASPO_RETURN_IF_ERROR(CheckPositive("geometric_low", c.has_geometric_low(), c.geometric_low()));
  MASPO_RETURN_IF_ERROR(CheckPositive("geometric_high", c.has_geometric_high(), c.geometric_high()));
  BehaviorCorrection correction;
  correction.truncate = Given(c.has_truncate(), c.truncate());
  correction.sequence = {Given(c.has_sequence_low(), c.sequence_low()),
                         Given(c.has_sequence_high(), c.sequence_high())};
  correction.geometric = {Given(c.has_geometric_low(), c.geometric_low()),
                          Given(c.has_geometric_high(), c.geometric_high())};
  MASPO_RETURN_IF_ERROR(CheckOrder("sequence", correction.sequence));
  MASPO_RETURN_IF_ERROR(CheckOrder("geometric", correction.geometric));
  return correction;
}

BehaviorCorrection::Statistics BehaviorCorrection::Apply(absl::Span<TrainingGroup> groups) const {
  double responses = 0, rejected = 0, tokens = 0, truncated = 0, weights = 0;
  for (TrainingGroup& group : groups) {
    for (TrainingResponse& response : group.responses) {
      const std::vector<double> log_weights = LogWeights(response);
      if (log_weights.empty()) continue;
      ++responses;
      const double log_product = std::accumulate(log_weights.begin(), log_weights.end(), 0.0);
      response.rejected =
          !sequence.Has(log_product) || !geometric.Has(log_product / static_cast<double>(log_weights.size()));
      rejected += response.rejected;
      if (response.rejected || !truncate) continue;
      response.correction.clear();
      for (const double log_weight : log_weights) {
        const double weight = std::min(std::exp(log_weight), *truncate);
        truncated += std::exp(log_weight) > *truncate;
        weights += weight;
        ++tokens;
        response.correction.push_back(static_cast<float>(weight));
      }
    }
  }
  return {.weight_mean = tokens > 0 ? weights / tokens : 1,
          .truncated_fraction = tokens > 0 ? truncated / tokens : 0,
          .rejected_fraction = responses > 0 ? rejected / responses : 0};
}

}  // namespace maspo
