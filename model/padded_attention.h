#pragma once

#include <vector>

#include "model/attention.h"
#include "model/packed_batch.h"
#include "model/torch.h"

namespace maspo {

// Attention over a packed layout by torch operations, for any device and dtype: segments of similar length are padded
// to rows, with their prompt copied in front, and go through scaled_dot_product_attention.
//
// Thread-compatible.
class PaddedAttention final : public AttentionContext {
 public:
  PaddedAttention(const PackedLayout& layout, torch::Device device);

  torch::Tensor Attend(int layer, const torch::Tensor& q_THD, const torch::Tensor& k_TKD,
                       const torch::Tensor& v_TKD) override;

 private:
  // B rows of Q queries and S keys.
  struct Rows {
    torch::Tensor query_BQ, key_BS;  // int64: packed tokens; padding repeats some token.
    torch::Tensor mask_B1QS;         // true: the query sees the key.
  };
  static Rows PadRows(const std::vector<PackedLayout::Segment>& segments, torch::Device device);

  std::vector<Rows> rows_;
  torch::Tensor slot_T_;  // Where token t is among the queries of all rows.
};

}  // namespace maspo
