#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace maspo {

// The architecture of a Hugging Face folder (config.json), model_type "qwen2".
struct ModelConfig {
  int64_t hidden_size = 0;
  int64_t num_layers = 0;
  int64_t num_heads = 0;
  int64_t num_kv_heads = 0;
  int64_t head_dim = 0;  // hidden_size / num_heads unless config.json says otherwise.
  int64_t intermediate_size = 0;
  int64_t vocab_size = 0;
  double rope_theta = 10000.0;
  double rms_norm_eps = 1e-6;
  int64_t max_position_embeddings = 0;
  bool tie_word_embeddings = false;
  std::string dtype;  // "float32", "bfloat16", "float16": of the stored weights.

  // NotFound: no such file. InvalidArgument: names the field that is missing, ill-typed or unsupported.
  static absl::StatusOr<ModelConfig> Load(const std::string& folder);
  static absl::StatusOr<ModelConfig> LoadFile(const std::string& path);  // A config.json by whatever name.
};

}  // namespace maspo
