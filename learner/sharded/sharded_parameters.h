#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "learner/sharded/bucket_shards.h"
#include "model/model_config.h"
#include "model/parameter_layout.h"
#include "model/parameter_set.h"
#include "model/torch.h"

namespace maspo {

// One rank's share of a bucket. All tensors are [shards.shard].
struct ShardedBucket {
  BucketSpec spec;
  BucketShards shards;
  torch::Tensor master;   // float32, what the optimizer changes; undefined in a frozen policy.
  torch::Tensor compute;  // What is gathered and computed with; the master itself where that is float32.
  torch::Tensor grads;    // float32, summed over all micro-batches so far; undefined in a frozen policy.
};

// One rank's share of a policy: fp32 master weights and gradients, and the weights that it computes with, in float32 or
// bfloat16.
//
// Not thread-safe.
class ShardedParameters {
 public:
  struct Options {
    torch::Device device = torch::kCPU;
    torch::Dtype dtype = torch::kFloat32;  // To compute with.
    int rank = 0, num_ranks = 1;
    bool trainable = true;
  };
  // `read` fills a whole bucket, float32 on the host; one is there at a time.
  using ReadBucket = std::function<absl::Status(size_t bucket, const BucketSpec& spec, torch::Tensor values)>;
  // ResourceExhausted: no memory. Or the error of `read`.
  static absl::StatusOr<ShardedParameters> Load(const Options& options, const std::vector<BucketSpec>& layout,
                                                const ReadBucket& read);

  // This rank's share of weights that are all there.
  static absl::StatusOr<ShardedParameters> Of(const Options& options, const ModelConfig& config,
                                              const ParameterSet& weights);

  const Options& options() const { return options_; }
  std::vector<ShardedBucket>& buckets() { return buckets_; }
  const std::vector<ShardedBucket>& buckets() const { return buckets_; }

  // To be called after every change of the master weights: rounds them once, and makes what was gathered stale.
  void MastersChanged();
  uint64_t generation() const { return generation_; }  // Grows with every change.

  void ZeroGrads();

 private:
  explicit ShardedParameters(const Options& options) : options_(options) {}

  Options options_;
  std::vector<ShardedBucket> buckets_;
  uint64_t generation_ = 1;
};

}  // namespace maspo
