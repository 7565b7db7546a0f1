#include "learner/objectives/loss_aggregation.h"

#include <array>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "services/base/status_macros.h"

namespace maspo {
namespace {

constexpr std::array<std::pair<std::string_view, LossAggregation>, 6> kNames = {{
    {"token-mean", LossAggregation::kTokenMean},
    {"seq-mean-token-sum", LossAggregation::kSeqMeanTokenSum},
    {"seq-mean-token-mean", LossAggregation::kSeqMeanTokenMean},
    {"seq-mean-token-sum-norm", LossAggregation::kSeqMeanTokenSumNorm},
    {"group-token-mean", LossAggregation::kGroupTokenMean},
    {"all-seq-mean-token-mean", LossAggregation::kAllSeqMeanTokenMean},
}};

}  // namespace

absl::StatusOr<LossAggregation> ParseLossAggregation(std::string_view name) {
  std::vector<std::string> names;
  for (const auto& [known, aggregation] : kNames) {
    if (known == name) return aggregation;
    names.emplace_back(known);
  }
  return absl::InvalidArgumentError(absl::StrCat("learner.loss_aggregation: unknown aggregation \"", std::string(name),
                                                 "\" (known: ", absl::StrJoin(names, ", "), ")"));
}

std::vector<double> ResponseWeights(LossAggregation aggregation, const MiniBatchShape& shape) {
  const std::vector<int64_t>& tokens = shape.response_tokens;
  MASPO_CHECK(shape.group.size() == tokens.size());
  double own_tokens = 0;
  double own_responses = 0;                           // With a token.
  absl::flat_hash_map<int64_t, double> group_tokens;  // Of groups with a token.
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (tokens[i] == 0) continue;
    own_tokens += static_cast<double>(tokens[i]);
    own_responses += 1;
    group_tokens[shape.group[i]] += static_cast<double>(tokens[i]);
  }
  const double n = shape.all_tokens.value_or(own_tokens);                // N
  const double responses = shape.all_responses.value_or(own_responses);  // R
  const double ranks = shape.averaged_ranks;                             // P
  const auto weight_of = [&](size_t i) -> double {
    const auto n_i = static_cast<double>(tokens[i]);
    switch (aggregation) {
      case LossAggregation::kTokenMean:
        return ranks / n;
      case LossAggregation::kSeqMeanTokenSum:
        return ranks / responses;
      case LossAggregation::kSeqMeanTokenMean:
        return ranks / (n_i * responses);
      case LossAggregation::kSeqMeanTokenSumNorm:
        MASPO_CHECK(shape.max_response_tokens > 0);
        return 1 / shape.max_response_tokens;
      case LossAggregation::kGroupTokenMean:
        return 1 / (group_tokens.at(shape.group[i]) * static_cast<double>(group_tokens.size()));
      case LossAggregation::kAllSeqMeanTokenMean:
        return 1 / (n_i * static_cast<double>(tokens.size()));
    }
    MASPO_CHECK(false);
  };
  std::vector<double> weights(tokens.size(), 0.0);
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (tokens[i] > 0) weights[i] = weight_of(i);
  }
  return weights;
}

}  // namespace maspo
