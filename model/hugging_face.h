#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "model/model_config.h"
#include "model/parameter_set.h"

namespace maspo {

// Weights of a Hugging Face folder (model.safetensors, or shards named by model.safetensors.index.json), converted to
// `dtype`. The folder's tensor names are mapped onto the fused parameters (q, k, v -> qkv; gate, up -> gate_up).
// NotFound: no weights. InvalidArgument: names the file and the tensor that is missing, truncated, of the wrong shape,
// or not expected.
absl::StatusOr<std::shared_ptr<ParameterSet>> LoadWeights(const std::string& folder, const ModelConfig& config,
                                                          torch::Device device, torch::Dtype dtype, bool trainable);

// Whether LoadWeights() would find every tensor of the config, whole and of its shape; reads the files' headers only.
absl::Status CheckWeights(const std::string& folder, const ModelConfig& config);

// Writes a folder that transformers loads: the weights under their Hugging Face names (float32 or bfloat16, sharded
// above max_shard_bytes), and source_folder's config.json, tokenizer and template files. `folder` must not exist; it
// appears whole.
absl::Status SaveModel(const std::string& folder, const std::string& source_folder, const ModelConfig& config,
                       const ParameterSet& parameters, int64_t max_shard_bytes = int64_t{5} << 30);

// XXH3-128 of config.json's and tokenizer.json's bytes: two processes that agree on it run the same model.
absl::StatusOr<std::string> ModelDigest(const std::string& folder);

}  // namespace maspo
