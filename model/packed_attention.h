#pragma once

#include <memory>
#include <vector>

#include "model/attention.h"
#include "model/kernels/attention_kernel.h"
#include "model/packed_batch.h"
#include "model/torch.h"

namespace maspo {

// Attention over a packed layout, with gradients: prompts are causal among themselves, a response attends to its prompt
// and, causally, to itself. Built once for all layers of a forward.
//
// Float32 on the CPU runs in our kernel, without padding; anything else in PaddedAttention, which is also its
// reference. Thread-compatible.
class PackedAttention final : public AttentionContext {
 public:
  PackedAttention(const PackedLayout& layout, torch::Device device);
  ~PackedAttention() override;

  torch::Tensor Attend(int layer, const torch::Tensor& q_THD, const torch::Tensor& k_TKD,
                       const torch::Tensor& v_TKD) override;

 private:
  const PackedLayout layout_;
  const torch::Device device_;
  std::shared_ptr<const std::vector<kernels::AttentionTree>> trees_;  // Shared with the graph, for backward.
  std::unique_ptr<AttentionContext> padded_;                          // Made when first needed.
};

}  // namespace maspo
