#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "collective/ranks.h"
#include "learner/sharded/sharded_parameters.h"
#include "model/torch.h"

namespace maspo {

// Adds the gradients of micro-batches to the shards of their owners, while the next block's are computed.
//
// In order: every rank sends each owner its piece (all-to-all), and the owner adds the pieces in the order of ranks to
// what it has. With micro-batch s on rank s mod R in round s div R, an element's gradient is the sum of those of
// micro-batches 0, 1, 2, ... from left to right: the same float32 bits for every number of ranks, with one accumulator.
// Not in order: reduce-scatter, the library's sum over the ranks of a round; as many bytes.
//
// Every rank makes the same calls. Not thread-safe.
class GradientReducer {
 public:
  struct Options {
    bool in_order = true;
    torch::Dtype wire = torch::kFloat32;  // What is sent is rounded to; sums are float32 unless by reduce-scatter.
  };
  // Both outlive it.
  GradientReducer(const Options& options, ShardedParameters* parameters, Ranks* ranks);

  // Of a bucket's parameters, in their order; empty where this rank had no micro-batch.
  void Add(size_t bucket, const std::vector<torch::Tensor>& grads);

  // Until all that was added is in the shards.
  void Finish();

 private:
  struct Flight {
    size_t bucket = 0;
    torch::Tensor send, received;  // Of a block, or of the bucket if that is more.
    Ranks::Pending pending;
  };
  Flight TakeBuffers();
  void LandFirst();

  const Options options_;
  ShardedParameters* const parameters_;
  Ranks* const ranks_;
  const int64_t block_;         // Elements of the largest block, whose buffers stay.
  std::deque<Flight> flights_;  // The oldest first.
  std::vector<Flight> idle_;
};

}  // namespace maspo
