#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace maspo {

// How per-token losses l become one number. n_i tokens of response i, N = sum n_i, R responses with a token:
//
//   token-mean               sum l / N                    seq-mean-token-sum        sum l / R
//   seq-mean-token-mean      sum_i (sum_t l / n_i) / R    seq-mean-token-sum-norm   sum l / max_response_tokens
//   group-token-mean         token mean inside each prompt group, then the mean over groups with a token (Eq. 1, 5)
enum class LossAggregation { kTokenMean, kSeqMeanTokenSum, kSeqMeanTokenMean, kSeqMeanTokenSumNorm, kGroupTokenMean };

// InvalidArgument: unknown name; lists the known ones.
absl::StatusOr<LossAggregation> ParseLossAggregation(std::string_view name);

// A whole mini-batch, over all micro-batches and ranks. Two entries a response.
struct MiniBatchShape {
  std::vector<int64_t> response_tokens;  // n_i, may be 0.
  std::vector<int64_t> group;            // Which prompt group the response belongs to; any numbers.
  int64_t max_response_tokens = 0;       // Longest possible response, only for seq-mean-token-sum-norm.
};

// The weight of each token of response i, so that loss = sum over all tokens of weight * loss. Computed once for the
// mini-batch, it makes the loss independent of how the tokens are split. 0 for an empty response.
std::vector<double> ResponseWeights(LossAggregation aggregation, const MiniBatchShape& shape);

}  // namespace maspo
