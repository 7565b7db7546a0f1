#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/model_config.h"

namespace maspo {

// Where every parameter of a model lies, without memory for any of them. Pure.

// Rows of a fused matrix (or elements of its bias) that are a tensor of their own in a Hugging Face folder.
struct HuggingFaceRows {
  std::string name;  // For instance "model.layers.3.self_attn.k_proj.weight".
  int64_t first = 0, count = 0;
};

struct ParameterSpec {
  std::string name;  // Internal (fused) name, for instance "layers.3.qkv_proj.weight".
  std::vector<int64_t> shape;
  int64_t offset = 0;                         // Elements from the start of its bucket.
  std::vector<HuggingFaceRows> hugging_face;  // In order, all rows.

  int64_t num_elements() const;
  std::vector<int64_t> ShapeOf(const HuggingFaceRows& rows) const;
};

// Parameters that live, travel and are updated together, one after the other without gaps.
struct BucketSpec {
  std::string name;  // "embedding", "layers.<i>", "head".
  int64_t num_elements = 0;
  std::vector<ParameterSpec> parameters;
};

// Of a block's bucket, in this order.
enum BlockParameter { kInputNorm, kQkvWeight, kQkvBias, kOutWeight, kPostNorm, kGateUpWeight, kDownWeight };
inline constexpr int kNumBlockParameters = 7;

// The buckets in forward order: embedding, one for each block, then the final norm and, unless it is the embedding, the
// head.
std::vector<BucketSpec> ParameterLayout(const ModelConfig& config);

int64_t NumElements(const std::vector<BucketSpec>& layout);

}  // namespace maspo
