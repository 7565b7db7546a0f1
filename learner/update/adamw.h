#pragma once

#include <cstdint>
#include <vector>

#include "collective/ranks.h"
#include "learner/sharded/sharded_parameters.h"
#include "model/torch.h"
#include "proto/run_config.pb.h"

namespace maspo {

// AdamW (Loshchilov & Hutter 2019) over one rank's shards, with PyTorch's fused kernel, after clipping by the global
// gradient norm. Weights, moments and arithmetic are float32.
//
// The norm is a sum of the chunks' sums of squares, float64, in the order of the chunks: with the elementwise rest, the
// result does not depend on the number of ranks.
//
// Every rank makes the same calls. Not thread-safe.
class AdamW {
 public:
  // Both outlive it.
  AdamW(const v1::OptimizerConfig& config, ShardedParameters* parameters, Ranks* ranks);

  struct Result {
    double grad_norm = 0;  // Before clipping.
    bool applied = false;  // False: the norm is not finite; parameters and moments are unchanged.
  };

  // One update with the gradients in the shards, which are zeroed afterwards.
  Result Step(double learning_rate);

  int64_t num_updates() const { return num_updates_; }

  // The state, by bucket, for checkpoints: first and second moments of the shards, and the update count.
  const std::vector<torch::Tensor>& first_moments() const { return first_moments_; }
  const std::vector<torch::Tensor>& second_moments() const { return second_moments_; }
  void Restore(const std::vector<torch::Tensor>& first_moments, const std::vector<torch::Tensor>& second_moments,
               int64_t num_updates);

 private:
  double GradientNorm();

  ShardedParameters* const parameters_;
  Ranks* const ranks_;
  const double beta1_, beta2_, eps_, weight_decay_, max_grad_norm_;
  std::vector<torch::Tensor> first_moments_, second_moments_;
  int64_t num_updates_ = 0;
};

}  // namespace maspo
