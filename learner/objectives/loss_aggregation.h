#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "proto/run_config.pb.h"

namespace maspo {

// How per-token losses l become one number (v1::Aggregation). n_i tokens of response i, N = sum n_i, R responses with a
// token, B with or without:
//
//   token-mean               sum l / N                    seq-mean-token-sum        sum l / R
//   seq-mean-token-mean      sum_i (sum_t l / n_i) / R    seq-mean-token-sum-norm   sum l / max_response_tokens
//   group-token-mean         token mean inside each prompt group, then the mean over groups with a token (Eq. 1, 5)
//   all-seq-mean-token-mean  sum_i (sum_t l / n_i) / B: an empty response counts as 0

// A mini-batch: all of it, or one rank's part with the totals of all ranks. Two entries a response.
struct MiniBatchShape {
  std::vector<int64_t> response_tokens;  // n_i, may be 0.
  std::vector<int64_t> group;            // Which prompt group the response belongs to; any numbers.
  double max_response_tokens = 0;        // Longest possible response, only for seq-mean-token-sum-norm.

  // N, R and P of the whole mini-batch when this is one rank's part. P: the ranks' gradients are averaged afterwards,
  // which the weights make up for; 1 where they are summed. The token mean and the means over responses with a token
  // take them.
  std::optional<double> all_tokens;
  std::optional<double> all_responses;
  double averaged_ranks = 1;
};

// The weight of each token of response i, so that loss = sum over all tokens of weight * loss. Computed once for the
// mini-batch, it makes the loss independent of how the tokens are split. 0 for an empty response.
std::vector<double> ResponseWeights(v1::Aggregation aggregation, const MiniBatchShape& shape);

}  // namespace maspo
