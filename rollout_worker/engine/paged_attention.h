#pragma once

#include <vector>

#include "model/attention.h"
#include "model/torch.h"
#include "rollout_worker/engine/paged_kv_cache.h"
#include "rollout_worker/engine/paged_layout.h"

namespace maspo {

// Attention of one step over the paged cache: writes the keys and values of the step's tokens into their slots, then
// lets each token attend to its sequence's cached tokens up to itself. Index tensors are built once for all layers.
//
// Plain LibTorch on any device; the softmax is float32. On the CPU the products are too: a bfloat16 cache is widened as
// it is gathered and only the result is rounded (see model/fused_ops.h).
class PagedAttention final : public AttentionContext {
 public:
  // `cache` outlives this object.
  PagedAttention(const PagedLayout& layout, PagedKvCache& cache);

  torch::Tensor Attend(int layer, const torch::Tensor& q_THD, const torch::Tensor& k_TKD,
                       const torch::Tensor& v_TKD) override;

 private:
  // Gathers index heads of blocks: cache rows [block_tokens * D] in the order key/value, sequence, head, block.
  struct DecodeRows {
    int64_t first_token, num_rows;
    torch::Tensor gather_2BKN;  // int64, flat.
    torch::Tensor mask_MS;      // [B * K, 1, S], 0 or -infinity; S = padded keys.
  };
  struct Prefill {
    int64_t first_token, length, past;
    torch::Tensor gather_2KN;  // Undefined without a past.
    torch::Tensor mask_QS;     // true: the query sees the key. Undefined without a past.
  };
  torch::Tensor GatherIndex(const std::vector<int64_t>& block_BN, int64_t num_rows) const;
  void Decode(const DecodeRows& rows, const torch::Tensor& heads, const torch::Tensor& q_THD,
              torch::Tensor out_THD) const;

  PagedKvCache& cache_;
  const int64_t num_kv_heads_, block_tokens_;
  torch::Tensor write_T2K;  // int64, flat: cache rows [D] of the step's keys and values.
  std::vector<DecodeRows> decode_rows_;
  std::vector<Prefill> prefills_;
};

}  // namespace maspo
