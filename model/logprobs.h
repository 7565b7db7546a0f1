#pragma once

#include <cstdint>

#include "model/packed_batch.h"
#include "model/torch.h"
#include "model/transformer.h"

namespace maspo {

// What the policy says about N chosen tokens, float32, nats. With z = logits / temperature:
struct TokenLogprobs {
  torch::Tensor logprobs_N;  // log softmax(z)[target]; carries the gradient.
  torch::Tensor entropy_N;   // Of softmax(z); carries the gradient too.
};

// Bound on the [rows, V] floats that exist at a time, in forward and in backward: 256 MiB. Logits are computed chunk by
// chunk; those of the last chunk wait for backward, the others are computed again there. So the bound trades memory for
// time, down to no second computation where it holds all N rows. A chunk has at least 256 rows, whatever the bound.
inline constexpr int64_t kDefaultLogitsPerChunk = int64_t{1} << 26;

// hidden_NC [N, C] after the final norm, head_VC [V, C], target_N int64. temperature > 0.
TokenLogprobs LogprobsAndEntropy(const torch::Tensor& hidden_NC, const torch::Tensor& head_VC,
                                 const torch::Tensor& target_N, double temperature,
                                 int64_t logits_per_chunk = kDefaultLogitsPerChunk);

// The response tokens of a packed batch: one forward and the log-probabilities, N = layout.target_N.size().
TokenLogprobs ResponseLogprobs(const Transformer& model, const PackedLayout& layout, double temperature,
                               int64_t logits_per_chunk = kDefaultLogitsPerChunk);

}  // namespace maspo
