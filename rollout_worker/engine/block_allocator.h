#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace maspo {

// Where a sequence's keys and values are: token t sits in block table[t / block_tokens], at slot t % block_tokens.
using BlockTable = std::vector<int32_t>;

// Hands out the blocks of a KV cache and counts who uses them. Full blocks may be shared by many tables; a block that
// is still being filled belongs to one table alone, so no two sequences ever write to the same slot.
//
// Pure bookkeeping: no tensor, no thread.
class BlockAllocator {
 public:
  // Contents of block `from` must be copied to block `to` before anything is written to `to`.
  struct Copy {
    int32_t from = 0;
    int32_t to = 0;
  };
  struct Fork {
    BlockTable table;
    std::optional<Copy> copy;  // Set when the last block is partly filled.
  };

  BlockAllocator(int num_blocks, int block_tokens);

  // Grows `table` until it holds `num_tokens`. All or nothing: false when there are too few free blocks.
  [[nodiscard]] bool Extend(BlockTable& table, int64_t num_tokens);

  // A second table with the same first `num_tokens`: full blocks are shared, a partly filled last one is copied.
  // `table` holds exactly num_tokens. Nothing when the copy would need a block and none is free.
  std::optional<Fork> ForkTable(const BlockTable& table, int64_t num_tokens);

  // Gives a table's blocks back and empties it. A block is free again when its last table released it.
  void Release(BlockTable& table);

  int BlocksFor(int64_t num_tokens) const;
  int num_blocks() const { return static_cast<int>(use_counts_.size()); }
  int num_free() const { return static_cast<int>(free_.size()); }
  int block_tokens() const { return block_tokens_; }
  int use_count(int32_t block) const { return use_counts_[block]; }

 private:
  int32_t Take();

  const int block_tokens_;
  std::vector<int32_t> use_counts_;  // [num_blocks], tables that contain the block.
  std::vector<int32_t> free_;        // Last in, first out: a block just freed is likely still in the CPU's cache.
};

}  // namespace maspo
