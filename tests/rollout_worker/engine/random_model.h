#pragma once

#include <memory>

#include "model/parameter_set.h"

namespace maspo {

// A small decoder with grouped queries; big enough that a wrong mask, position or block changes its log-probabilities.
inline ModelConfig SmallConfig() {
  ModelConfig config;
  config.hidden_size = 32;
  config.num_layers = 2;
  config.num_heads = 4;
  config.num_kv_heads = 2;
  config.head_dim = 8;
  config.intermediate_size = 48;
  config.vocab_size = 61;
  config.max_position_embeddings = 512;
  config.tie_word_embeddings = true;
  config.dtype = "float32";
  return config;
}

// Random weights of a size that makes distributions neither flat nor certain. Larger ones amplify float32's rounding:
// at 0.35 two correct forwards differ by 1e-5 in a token's log-probability, at 0.2 by half of that.
inline std::shared_ptr<ParameterSet> RandomParameters(const ModelConfig& config, uint64_t seed,
                                                      torch::Dtype dtype = torch::kFloat32) {
  auto parameters = ParameterSet::Allocate(config, torch::kCPU, dtype);
  torch::Generator generator = at::detail::createCPUGenerator(seed);
  const torch::NoGradGuard no_grad;
  for (ParameterBucket& bucket : parameters->buckets()) {
    for (Parameter& parameter : bucket.parameters) {
      const bool is_norm = parameter.name.find("norm") != std::string::npos;
      parameter.view.normal_(is_norm ? 1.0 : 0.0, is_norm ? 0.1 : 0.2, generator);
    }
  }
  return parameters;
}

}  // namespace maspo
