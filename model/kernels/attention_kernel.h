#pragma once

#include <cstdint>
#include <vector>

namespace maspo::kernels {

// A shared prefix and the sequences that continue it, as ranges of packed tokens: prefix tokens are causal among
// themselves, a continuation's tokens see the whole prefix and, causally, their own range.
struct AttentionTree {
  struct Range {
    int64_t begin = 0;
    int64_t length = 0;
  };
  Range prefix;
  std::vector<Range> continuations;
};

// T packed tokens, H query heads, K key/value heads, D head dimension; float32, without gaps.
struct AttentionShape {
  int64_t num_heads = 0;     // H
  int64_t num_kv_heads = 0;  // K
  int64_t head_dim = 0;      // D
};

// One tree and one key/value head with its H / K query heads: one thread's work. Nothing is padded or expanded, and no
// score leaves the cache. A token's result depends on its own sequence only, to the last bit.
//
// out [T, H, D] and log_sum [T, H] (of the scaled scores' exp, for backward) are written at the tree's tokens.
void AttentionForward(const AttentionTree& tree, const AttentionShape& shape, int64_t kv_head, const float* q,
                      const float* k, const float* v, float* out, float* log_sum);

// grad_q, grad_k and grad_v are written at the tree's tokens and this key/value head.
void AttentionBackward(const AttentionTree& tree, const AttentionShape& shape, int64_t kv_head, const float* q,
                       const float* k, const float* v, const float* out, const float* log_sum, const float* grad_out,
                       float* grad_q, float* grad_k, float* grad_v);

}  // namespace maspo::kernels
