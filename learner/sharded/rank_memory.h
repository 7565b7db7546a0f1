#pragma once

#include <algorithm>
#include <cstdint>

#include "model/model_config.h"

namespace maspo {

// What a rank holds at a time besides its shards, for those who compute and those who plan. Pure.

// What backward through one block needs of its forward, in elements a token (model/decoder.cc). Autograd keeps the
// inputs of products and of our own operations, each once.
inline int64_t BlockGraphElements(const ModelConfig& config) {
  const int64_t C = config.hidden_size, H = config.num_heads, K = config.num_kv_heads, D = config.head_dim,
                I = config.intermediate_size;
  const int64_t norms = 2 * C                // Both norms' results, the inputs of qkv and gate_up;
                        + C;                 // what the second norm sees. The first one sees the block's input.
  const int64_t attention = (H + 2 * K) * D  // q, k, v after rotation,
                            + H * D;         // and the attention's result, also the input of the output product.
  const int64_t mlp = 2 * I                  // Gate and up,
                      + I;                   // and their product.
  return norms + attention + mlp + C;        // The block's result.
}

// Of the last blocks, how many keep their graphs between forward and backward in so many bytes, where all weights stay.
inline int64_t NumKeptGraphs(const ModelConfig& config, int64_t num_tokens, int64_t element_size, int64_t bytes) {
  const int64_t of_block = BlockGraphElements(config) * num_tokens * element_size;
  return std::min(config.num_layers, bytes / std::max<int64_t>(of_block, 1));
}

// Buffers that blocks are gathered into in turn: one that is computed with, one that comes, one whose work on a GPU is
// not over.
inline constexpr int kGatheredBlocks = 3;

// Gradients of buckets on their way: one is sent while the next is filled.
inline constexpr int kGradientsInFlight = 2;

}  // namespace maspo
