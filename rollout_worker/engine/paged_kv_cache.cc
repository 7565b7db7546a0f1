#include "rollout_worker/engine/paged_kv_cache.h"

namespace maspo {

PagedKvCache::PagedKvCache(const ModelConfig& config, int num_blocks, int block_tokens,
                           const torch::TensorOptions& options)
    : block_tokens_(block_tokens) {
  for (int64_t layer = 0; layer < config.num_layers; ++layer) {
    // Zeros: padding is masked out, but a NaN found in fresh memory would survive the mask.
    layers_.push_back(torch::zeros({num_blocks, 2, config.num_kv_heads, block_tokens, config.head_dim}, options));
  }
}

void PagedKvCache::CopyBlocks(const std::vector<BlockAllocator::Copy>& copies) {
  if (copies.empty()) return;
  std::vector<int64_t> from, to;
  for (const BlockAllocator::Copy& copy : copies) {
    from.push_back(copy.from);
    to.push_back(copy.to);
  }
  const torch::Device device = layers_.front().device();
  const torch::Tensor from_N = torch::tensor(from).to(device), to_N = torch::tensor(to).to(device);
  for (torch::Tensor& layer : layers_) layer.index_copy_(0, to_N, layer.index_select(0, from_N));
}

}  // namespace maspo
