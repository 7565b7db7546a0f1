#include "rollout_worker/engine/block_allocator.h"

#include "services/base/status_macros.h"

namespace maspo {

BlockAllocator::BlockAllocator(int num_blocks, int block_tokens)
    : block_tokens_(block_tokens), use_counts_(num_blocks, 0) {
  MASPO_CHECK(num_blocks > 0 && block_tokens > 0);
  free_.reserve(num_blocks);
  for (int32_t block = num_blocks - 1; block >= 0; --block) free_.push_back(block);
}

bool BlockAllocator::Extend(BlockTable& table, int64_t num_tokens) {
  const int missing = BlocksFor(num_tokens) - static_cast<int>(table.size());
  if (missing > num_free()) return false;
  for (int i = 0; i < missing; ++i) table.push_back(Take());
  return true;
}

std::optional<BlockAllocator::Fork> BlockAllocator::ForkTable(const BlockTable& table, int64_t num_tokens) {
  MASPO_CHECK(static_cast<int>(table.size()) == BlocksFor(num_tokens));
  const bool partial_tail = num_tokens % block_tokens_ != 0;
  if (partial_tail && free_.empty()) return std::nullopt;
  Fork fork{.table = table, .copy = std::nullopt};
  if (partial_tail) {
    fork.table.pop_back();
    fork.copy = Copy{.from = table.back(), .to = Take()};
  }
  for (const int32_t block : fork.table) ++use_counts_[block];
  if (partial_tail) fork.table.push_back(fork.copy->to);
  return fork;
}

void BlockAllocator::Release(BlockTable& table) {
  for (const int32_t block : table) {
    MASPO_CHECK(use_counts_[block] > 0);
    if (--use_counts_[block] == 0) free_.push_back(block);
  }
  table.clear();
}

int BlockAllocator::BlocksFor(int64_t num_tokens) const {
  return static_cast<int>((num_tokens + block_tokens_ - 1) / block_tokens_);
}

int32_t BlockAllocator::Take() {
  const int32_t block = free_.back();
  free_.pop_back();
  use_counts_[block] = 1;
  return block;
}

}  // namespace maspo
