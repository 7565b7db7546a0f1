#pragma once

#include <memory>

#include "learner/sharded/sharded_policy.h"
#include "learner/update/adamw.h"
#include "model/parameter_set.h"
#include "proto/run_config.pb.h"

namespace maspo {

// One rank's policy and optimizer over given weights; by default the only rank's.
struct RankPolicy {
  RankPolicy(const ModelConfig& model, const ParameterSet& weights, const v1::OptimizerConfig& config = {},
             const ShardedPolicy::Options& options = {}, std::unique_ptr<Ranks> of = nullptr,
             torch::Dtype dtype = torch::kFloat32)
      : ranks(of == nullptr ? Ranks::Alone(weights.device()) : std::move(of)),
        shards(*ShardedParameters::Of(
            {.device = weights.device(), .dtype = dtype, .rank = ranks->rank(), .num_ranks = ranks->size()}, model,
            weights)),
        policy(options, model, &shards, ranks.get()),
        optimizer(config, &shards, ranks.get()) {}

  // A copy of all weights, as they are computed with. Every rank makes the call.
  std::shared_ptr<ParameterSet> Weights() {
    auto whole = ParameterSet::Allocate(policy.config(), ranks->device(), shards.options().dtype);
    for (size_t i = 0; i < shards.buckets().size(); ++i) {
      const torch::Tensor& part = shards.buckets()[i].compute;
      torch::Tensor padded = torch::empty({part.numel() * ranks->size()}, part.options());
      ranks->AllGather("weights", padded, part).Wait();
      whole->buckets()[i].values.copy_(padded.narrow(0, 0, whole->buckets()[i].values.numel()));
    }
    return whole;
  }

  const std::unique_ptr<Ranks> ranks;
  ShardedParameters shards;
  ShardedPolicy policy;
  AdamW optimizer;
};

}  // namespace maspo
