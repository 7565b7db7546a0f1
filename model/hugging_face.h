#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "model/model_config.h"
#include "model/parameter_layout.h"
#include "model/parameter_set.h"
#include "model/safetensors.h"

namespace maspo {

// Weights of a Hugging Face folder (model.safetensors, or shards named by model.safetensors.index.json), converted to
// `dtype`. The folder's tensor names are mapped onto the fused parameters (q, k, v -> qkv; gate, up -> gate_up).
// NotFound: no weights. InvalidArgument: names the file and the tensor that is missing, truncated, of the wrong shape,
// not expected, or not finite.
absl::StatusOr<std::shared_ptr<ParameterSet>> LoadWeights(const std::string& folder, const ModelConfig& config,
                                                          torch::Device device, torch::Dtype dtype);

// Whether LoadWeights() would find every tensor of the config, whole, of its shape and finite; reads one at a time.
absl::Status CheckWeights(const std::string& folder, const ModelConfig& config);

// Writes a folder that transformers loads, bucket by bucket: the weights under their Hugging Face names (float32 or
// bfloat16, sharded above max_shard_bytes), and source_folder's config.json, tokenizer and template files.
class ModelWriter {
 public:
  static constexpr int64_t kMaxShardBytes = int64_t{5} << 30;

  // Into `folder`, which is there and empty.
  static absl::StatusOr<ModelWriter> Create(const std::string& folder, const std::string& source_folder,
                                            const std::vector<BucketSpec>& layout, torch::Dtype dtype,
                                            int64_t max_shard_bytes = kMaxShardBytes);

  // The next bucket's values [num_elements], of the dtype, on any device; with the last one the folder is complete.
  absl::Status Add(const torch::Tensor& values);

 private:
  struct File {
    std::string name;
    std::vector<SafetensorsWriter::Tensor> tensors;
  };
  ModelWriter(std::string folder, std::vector<BucketSpec> layout)
      : folder_(std::move(folder)), layout_(std::move(layout)) {}
  void PlanFiles(torch::Dtype dtype, int64_t max_shard_bytes);
  absl::Status WriteIndex(int64_t total_bytes) const;
  absl::Status WriteTensor(const torch::Tensor& values);

  std::string folder_;
  std::vector<BucketSpec> layout_;
  std::vector<File> files_;
  std::optional<SafetensorsWriter> writer_;  // Of the current file.
  size_t next_bucket_ = 0, file_ = 0, next_tensor_ = 0;
};

// The same from weights that are all there. `folder` must not exist; it appears whole.
absl::Status SaveModel(const std::string& folder, const std::string& source_folder, const ModelConfig& config,
                       const ParameterSet& parameters, int64_t max_shard_bytes = ModelWriter::kMaxShardBytes);

// XXH3-128 of config.json's and tokenizer.json's bytes: two processes that agree on it run the same model.
absl::StatusOr<std::string> ModelDigest(const std::string& folder);

}  // namespace maspo
