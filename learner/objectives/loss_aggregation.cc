#include "learner/objectives/loss_aggregation.h"

#include "absl/container/flat_hash_map.h"
#include "services/base/status_macros.h"

namespace maspo {
std::vector<double> ResponseWeights(v1::Aggregation aggregation, const MiniBatchShape& shape) {
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
      case v1::AGGREGATION_TOKEN_MEAN:
        return ranks / n;
      case v1::AGGREGATION_SEQ_MEAN_TOKEN_SUM:
        return ranks / responses;
      case v1::AGGREGATION_SEQ_MEAN_TOKEN_MEAN:
        return ranks / (n_i * responses);
      case v1::AGGREGATION_SEQ_MEAN_TOKEN_SUM_NORM:
        MASPO_CHECK(shape.max_response_tokens > 0);
        return 1 / shape.max_response_tokens;
      case v1::AGGREGATION_GROUP_TOKEN_MEAN:
        return 1 / (group_tokens.at(shape.group[i]) * static_cast<double>(group_tokens.size()));
      case v1::AGGREGATION_ALL_SEQ_MEAN_TOKEN_MEAN:
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
