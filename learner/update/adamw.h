#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "model/parameter_set.h"
#include "model/torch.h"
#include "proto/run_config.pb.h"

namespace maspo {

// AdamW (Loshchilov & Hutter 2019) over the flat buckets of a trainable ParameterSet, with PyTorch's fused kernel,
// after clipping by the global gradient norm. Moments are float32.
//
// Not thread-safe.
class AdamW {
 public:
  AdamW(std::shared_ptr<ParameterSet> parameters, const v1::OptimizerConfig& config);

  struct Result {
    double grad_norm = 0;  // Before clipping.
    bool applied = false;  // False: the norm is not finite; parameters and moments are unchanged.
  };

  // One update with the gradients in the buckets, which are zeroed afterwards.
  Result Step(double learning_rate);

  int64_t num_updates() const { return num_updates_; }

  // The state, by bucket, for checkpoints: first and second moments [N], and the update count.
  const std::vector<torch::Tensor>& first_moments() const { return first_moments_; }
  const std::vector<torch::Tensor>& second_moments() const { return second_moments_; }
  void Restore(const std::vector<torch::Tensor>& first_moments, const std::vector<torch::Tensor>& second_moments,
               int64_t num_updates);

 private:
  const std::shared_ptr<ParameterSet> parameters_;
  const double beta1_, beta2_, eps_, weight_decay_, max_grad_norm_;
  std::vector<torch::Tensor> first_moments_, second_moments_;
  int64_t num_updates_ = 0;
};

}  // namespace maspo
