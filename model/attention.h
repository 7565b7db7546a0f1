#pragma once

#include "model/torch.h"

namespace maspo {

// What a token may attend to, and where its keys and values are kept: packed training sequences (PackedAttention) or
// the sampler's paged cache (PagedAttention). One object serves one forward, layer by layer.
class AttentionContext {
 public:
  virtual ~AttentionContext() = default;

  // Attention of T packed tokens at `layer` (0-based), scaled by 1/sqrt(D), RoPE already applied to q and k.
  // H query heads, K key/value heads (H a multiple of K), D head dimension. -> [T, H, D]
  virtual torch::Tensor Attend(int layer, const torch::Tensor& q_THD, const torch::Tensor& k_TKD,
                               const torch::Tensor& v_TKD) = 0;
};

}  // namespace maspo
