#pragma once

#include <vector>

#include "model/model_config.h"
#include "model/torch.h"
#include "rollout_worker/engine/block_allocator.h"

namespace maspo {

// Keys and values of all running sequences, in blocks that BlockAllocator hands out. Each layer is one tensor
//
//   [blocks, 2 (key, value), K, block_tokens, D]      K key/value heads, D head dimension
//
// so that the rows gathered for attention, one head of one block each, arrive as [K, tokens, D] without a transpose.
class PagedKvCache {
 public:
  PagedKvCache(const ModelConfig& config, int num_blocks, int block_tokens, const torch::TensorOptions& options);

  const torch::Tensor& layer(int layer) const { return layers_[layer]; }
  int block_tokens() const { return block_tokens_; }

  // Whole blocks, all layers.
  void CopyBlocks(const std::vector<BlockAllocator::Copy>& copies);

 private:
  const int block_tokens_;
  std::vector<torch::Tensor> layers_;
};

}  // namespace maspo
