#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "model/decoder.h"
#include "model/model_config.h"
#include "model/parameter_layout.h"
#include "model/torch.h"

namespace maspo {

// One tensor of the model: its place in a flat buffer and a view of it, [shape], which shares storage with the
// bucket's `values`.
struct Parameter : ParameterSpec {
  torch::Tensor view;
};

// A bucket with memory:
//
//   values  [N]  |-- qkv_proj.weight --|-- qkv_proj.bias --|-- o_proj.weight --| ...     no gaps
struct ParameterBucket {
  std::string name;      // "embedding", "layers.<i>", "head".
  torch::Tensor values;  // [N]
  std::vector<Parameter> parameters;
};

// The part of a bucket's buffer that is a parameter, [shape], detached.
torch::Tensor ViewOf(const torch::Tensor& flat, const ParameterSpec& parameter);

// All weights of one policy version, as flat buckets in forward order. Broadcast and digest work on buckets; the
// transformer works on the views.
//
// Not thread-safe; a set that is no longer written may be read from any thread.
class ParameterSet {
 public:
  // Uninitialised values.
  static std::shared_ptr<ParameterSet> Allocate(const ModelConfig& config, torch::Device device, torch::Dtype dtype);

  const std::vector<ParameterBucket>& buckets() const { return buckets_; }
  std::vector<ParameterBucket>& buckets() { return buckets_; }

  // The view of a parameter. Dies on an unknown name (a bug).
  const torch::Tensor& at(const std::string& name) const;

  // Weights in forward order. The head is the embedding itself where the config ties them.
  const torch::Tensor& embedding() const { return buckets_.front().parameters[0].view; }
  BlockWeights block(int layer) const;
  const torch::Tensor& final_norm() const { return buckets_.back().parameters[0].view; }
  const torch::Tensor& head() const;

  torch::Dtype dtype() const { return buckets_.front().values.scalar_type(); }
  torch::Device device() const { return buckets_.front().values.device(); }
  int64_t num_elements() const;

  // Copies all values; both sets come from the same config.
  void CopyFrom(const ParameterSet& other);

 private:
  std::vector<ParameterBucket> buckets_;
  absl::flat_hash_map<std::string, std::pair<size_t, size_t>> places_;  // Name -> bucket, parameter.
};

}  // namespace maspo
