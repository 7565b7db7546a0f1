#pragma once

#include <cstdint>
#include <memory>
#include <random>
#include <vector>

#include "model/model_config.h"
#include "model/parameter_set.h"
#include "model/transformer.h"

namespace maspo {

// Small shapes that tell heads, key/value heads and dimensions apart.
inline ModelConfig TinyConfig(bool tied = true) {
  return {.hidden_size = 24,
          .num_layers = 2,
          .num_heads = 6,
          .num_kv_heads = 2,
          .head_dim = 4,
          .intermediate_size = 40,
          .vocab_size = 50,
          .rope_theta = 1000.0,
          .rms_norm_eps = 1e-6,
          .max_position_embeddings = 256,
          .tie_word_embeddings = tied,
          .dtype = "float32"};
}

inline std::vector<int64_t> RandomTokens(std::mt19937& random, size_t count) {
  std::vector<int64_t> tokens(count);
  for (int64_t& token : tokens) token = static_cast<int64_t>(random() % 50);  // TinyConfig's vocabulary.
  return tokens;
}

inline std::shared_ptr<ParameterSet> RandomParameters(const ModelConfig& config, torch::Dtype dtype = torch::kFloat32) {
  torch::manual_seed(7);
  auto parameters = ParameterSet::Allocate(config, torch::kCPU, dtype);
  for (ParameterBucket& bucket : parameters->buckets()) bucket.values.normal_(0, 0.3);
  return parameters;
}

}  // namespace maspo
