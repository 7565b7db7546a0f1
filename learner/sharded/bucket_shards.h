#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>

namespace maspo {

// How the N elements of a bucket are divided among R ranks: in chunks, of which every rank has the same number, one
// after the other. What is beyond N is filled up with zeros.
//
//   |chunk|chunk|chunk|chunk|chunk|chunk|..0..|00000|      N elements, here in chunks for 4 ranks
//   |--- rank 0 ---|--- rank 1 ---|--- rank 2 ---|--- rank 3 ---|
//
// The chunk is a power of two that depends on N alone, and sums over gradients are made chunk by chunk: so they are the
// same for every number of ranks, and no vector of the processor straddles two shards. Pure.
struct BucketShards {
  static BucketShards Of(int64_t num_elements, int num_ranks) {
    const auto about = static_cast<uint64_t>(num_elements) / kChunksOfABucket;
    const int64_t chunk = std::clamp<int64_t>(static_cast<int64_t>(std::bit_ceil(about)), kSmallest, kLargest);
    const int64_t chunks = (num_elements + chunk - 1) / chunk;
    return {.num_elements = num_elements, .chunk = chunk, .shard = (chunks + num_ranks - 1) / num_ranks * chunk};
  }

  int64_t num_elements = 0;
  int64_t chunk = 0;
  int64_t shard = 0;  // Elements of one rank; R * shard >= N.

  int64_t Begin(int rank) const { return rank * shard; }
  int64_t chunks_of_rank() const { return shard / chunk; }

  static constexpr int64_t kChunksOfABucket = 4096, kSmallest = 256, kLargest = 65536;
};

}  // namespace maspo
