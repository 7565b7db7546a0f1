#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "model/model_config.h"
#include "model/torch.h"
#include "proto/weights.pb.h"

namespace maspo {

// One tensor of the model: its place in a flat buffer and a view of it. `view` is an autograd leaf.
struct Parameter {
  std::string name;  // Internal (fused) name, for instance "layers.3.qkv_proj.weight".
  std::vector<int64_t> shape;
  int64_t offset = 0;  // Elements from the start of the bucket.
  torch::Tensor view;  // [shape], shares storage with the bucket's `values`.
};

// The parameters of a block in the order of its bucket; buckets are embedding, layers.0 ... layers.<n-1>, head.
enum BlockParameter { kInputNorm, kQkvWeight, kQkvBias, kOutWeight, kPostNorm, kGateUpWeight, kDownWeight };

// Parameters that live, travel and are updated together: the embedding, one transformer block, or the final norm and
// head.
//
//   values  [N]  |-- qkv_proj.weight --|-- qkv_proj.bias --|-- o_proj.weight --| ...     no gaps
//   grads   [N]  the same layout; undefined unless the set is trainable
struct ParameterBucket {
  std::string name;      // "embedding", "layers.<i>", "head".
  torch::Tensor values;  // [N]
  torch::Tensor grads;   // [N]
  std::vector<Parameter> parameters;
};

// All weights of one policy version, as flat buckets in forward order. Broadcast, digest, optimizer and gradient
// clipping work on buckets; the transformer works on the views.
//
// Not thread-safe; a set that is no longer written may be read from any thread.
class ParameterSet {
 public:
  // Uninitialised values. `trainable` allocates gradients and makes the views accumulate into them.
  static std::shared_ptr<ParameterSet> Allocate(const ModelConfig& config, torch::Device device, torch::Dtype dtype,
                                                bool trainable);

  const std::vector<ParameterBucket>& buckets() const { return buckets_; }
  std::vector<ParameterBucket>& buckets() { return buckets_; }

  // The view of a parameter. Dies on an unknown name (a bug).
  const torch::Tensor& at(const std::string& name) const;

  // Weights in forward order. The head is the embedding itself where the config ties them.
  const torch::Tensor& embedding() const { return buckets_.front().parameters[0].view; }
  const torch::Tensor& block(int layer, BlockParameter which) const {
    return buckets_[1 + layer].parameters[which].view;
  }
  const torch::Tensor& final_norm() const { return buckets_.back().parameters[0].view; }
  const torch::Tensor& head() const;

  torch::Dtype dtype() const { return buckets_.front().values.scalar_type(); }
  torch::Device device() const { return buckets_.front().values.device(); }
  int64_t num_elements() const;
  void ZeroGrads();

  // Copies all values; both sets come from the same config.
  void CopyFrom(const ParameterSet& other);

 private:
  std::vector<ParameterBucket> buckets_;
  absl::flat_hash_map<std::string, std::pair<size_t, size_t>> places_;  // Name -> bucket, parameter.
};

// Names, shapes and dtypes of the buckets, with the digest of their bytes.
v1::WeightManifest DescribeWeights(const ParameterSet& parameters, int64_t policy_version);

// XXH3-128 over all buckets in order, lower-case hexadecimal. Copies to the host where the set is on a GPU.
std::string DigestOf(const ParameterSet& parameters);

}  // namespace maspo
