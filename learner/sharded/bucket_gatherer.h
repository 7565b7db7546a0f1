#pragma once

#include <cstdint>
#include <vector>

#include "collective/ranks.h"
#include "learner/sharded/rank_memory.h"
#include "learner/sharded/sharded_parameters.h"
#include "model/torch.h"

namespace maspo {

// Makes whole buckets out of all ranks' shards, for as long as they are computed with.
//
//   Begin(b + 1) -> views = Wait(b) -> compute with them -> Begin(b + 2), into the buffer of block b - 1 ...
//
// Blocks share `num_block_buffers` buffers in turn, so a block's views are good until that many blocks further are
// begun; embedding and head have one each. What is in a buffer and not stale is not gathered again. The only rank has
// nothing to gather: its views are of its shards.
//
// Every rank makes the same calls. Not thread-safe.
class BucketGatherer {
 public:
  // Both outlive it.
  BucketGatherer(const ShardedParameters* parameters, Ranks* ranks, int num_block_buffers = kGatheredBlocks);

  void Begin(size_t bucket);  // Returns at once; nothing where the bucket is there or on its way.

  // The parameters of a bucket in their order, [shape] each; begins where Begin() was not called.
  const std::vector<torch::Tensor>& Wait(size_t bucket);

  // Whether every block's views stay good until the weights change.
  bool keeps_all() const;

 private:
  struct Buffer {
    torch::Tensor flat;  // Of the largest bucket that comes here; allocated with the first.
    size_t bucket = 0;
    uint64_t generation = 0;  // 0: holds nothing.
    Ranks::Pending pending;
    std::vector<torch::Tensor> views;
  };
  Buffer& BufferOf(size_t bucket);
  void MakeViews(Buffer& buffer, const torch::Tensor& flat);

  const ShardedParameters* const parameters_;
  Ranks* const ranks_;
  const size_t num_blocks_;
  std::vector<Buffer> blocks_;
  Buffer embedding_, head_;
};

}  // namespace maspo
