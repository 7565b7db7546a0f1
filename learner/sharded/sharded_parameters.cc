#include "learner/sharded/sharded_parameters.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "services/base/status_macros.h"

namespace maspo {
namespace {

// This rank's part of a whole bucket, filled up with zeros.
torch::Tensor ShardOf(const torch::Tensor& whole, const BucketShards& shards, int rank) {
  torch::Tensor shard = torch::zeros({shards.shard}, whole.options());
  const int64_t begin = std::min(shards.Begin(rank), shards.num_elements);
  const int64_t count = std::min(shards.shard, shards.num_elements - begin);
  shard.narrow(0, 0, count).copy_(whole.narrow(0, begin, count));
  return shard;
}

}  // namespace

absl::StatusOr<ShardedParameters> ShardedParameters::Load(const Options& options, const std::vector<BucketSpec>& layout,
                                                          const ReadBucket& read) {
  const torch::NoGradGuard no_grad;
  ShardedParameters parameters(options);
  try {
    for (size_t i = 0; i < layout.size(); ++i) {
      ShardedBucket bucket{.spec = layout[i],
                           .shards = BucketShards::Of(layout[i].num_elements, options.num_ranks),
                           .master = {},
                           .compute = {},
                           .grads = {}};
      const torch::Tensor whole = torch::empty({layout[i].num_elements}, torch::kFloat32);
      MASPO_RETURN_IF_ERROR(read(i, layout[i], whole));
      const torch::Tensor shard = ShardOf(whole, bucket.shards, options.rank).to(options.device);
      if (options.trainable) {
        bucket.master = shard;
        bucket.grads = torch::zeros_like(shard);
      }
      bucket.compute = shard.to(options.dtype);  // The same tensor where it is float32.
      parameters.buckets_.push_back(std::move(bucket));
    }
  } catch (const c10::Error& error) {
    return absl::ResourceExhaustedError(absl::StrCat("no memory for the weights: ", error.what_without_backtrace()));
  }
  return parameters;
}

absl::StatusOr<ShardedParameters> ShardedParameters::Of(const Options& options, const ModelConfig& config,
                                                        const ParameterSet& weights) {
  return Load(options, ParameterLayout(config), [&](size_t i, const BucketSpec&, torch::Tensor values) {
    values.copy_(weights.buckets()[i].values);
    return absl::OkStatus();
  });
}

void ShardedParameters::MastersChanged() {
  const torch::NoGradGuard no_grad;
  ++generation_;
  for (ShardedBucket& bucket : buckets_) {
    if (!bucket.compute.is_same(bucket.master)) bucket.compute.copy_(bucket.master);
  }
}

void ShardedParameters::ZeroGrads() {
  for (ShardedBucket& bucket : buckets_) bucket.grads.zero_();
}

}  // namespace maspo
