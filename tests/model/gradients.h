#pragma once

#include <memory>
#include <vector>

#include "model/parameter_set.h"
#include "tests/model/tiny_model.h"

namespace maspo {

// Gradients with respect to weights that are all there.

inline void BeginGradients(ParameterSet& parameters) {
  for (ParameterBucket& bucket : parameters.buckets()) {
    for (Parameter& parameter : bucket.parameters) {
      parameter.view.requires_grad_(true);
      parameter.view.mutable_grad() = torch::zeros_like(parameter.view);
    }
  }
}

inline std::shared_ptr<ParameterSet> TrainableParameters(const ModelConfig& config) {
  auto parameters = RandomParameters(config);
  BeginGradients(*parameters);
  return parameters;
}

// Of a bucket, [num_elements].
inline torch::Tensor GradientOf(const ParameterBucket& bucket) {
  std::vector<torch::Tensor> grads;
  for (const Parameter& parameter : bucket.parameters) grads.push_back(parameter.view.grad().flatten());
  return torch::cat(grads);
}

inline torch::Tensor AllGradients(const ParameterSet& parameters) {
  std::vector<torch::Tensor> grads;
  for (const ParameterBucket& bucket : parameters.buckets()) grads.push_back(GradientOf(bucket));
  return torch::cat(grads);
}

}  // namespace maspo
