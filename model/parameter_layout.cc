#include "model/parameter_layout.h"

#include <functional>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"

namespace maspo {
namespace {

// A bucket under construction; parameters are appended without gaps.
class BucketBuilder {
 public:
  explicit BucketBuilder(std::string name) { bucket_.name = std::move(name); }

  // `pieces`: what Hugging Face calls the parameter's rows.
  BucketBuilder& Add(const std::string& name, std::vector<int64_t> shape,
                     const std::vector<std::pair<std::string, int64_t>>& pieces) {
    ParameterSpec& parameter = bucket_.parameters.emplace_back(
        ParameterSpec{.name = name, .shape = std::move(shape), .offset = bucket_.num_elements, .hugging_face = {}});
    int64_t first = 0;
    for (const auto& [piece, rows] : pieces) {
      parameter.hugging_face.push_back({piece, first, rows});
      first += rows;
    }
    bucket_.num_elements += parameter.num_elements();
    return *this;
  }

  BucketBuilder& Add(const std::string& name, const std::vector<int64_t>& shape, const std::string& hugging_face) {
    return Add(name, shape, {{hugging_face, shape[0]}});
  }

  BucketSpec Take() { return std::move(bucket_); }

 private:
  BucketSpec bucket_;
};

// In the order of BlockParameter. Rows of the fused matrices: all query heads, key heads, value heads; gate, up.
BucketSpec BlockLayout(const ModelConfig& config, int64_t layer) {
  const int64_t hidden = config.hidden_size, inner = config.intermediate_size;
  const int64_t query_rows = config.num_heads * config.head_dim, kv_rows = config.num_kv_heads * config.head_dim;
  const std::string block = absl::StrCat("layers.", layer);
  const std::string theirs = absl::StrCat("model.layers.", layer);
  const auto qkv = [&](const std::string& kind) -> std::vector<std::pair<std::string, int64_t>> {
    return {{absl::StrCat(theirs, ".self_attn.q_proj.", kind), query_rows},
            {absl::StrCat(theirs, ".self_attn.k_proj.", kind), kv_rows},
            {absl::StrCat(theirs, ".self_attn.v_proj.", kind), kv_rows}};
  };
  return BucketBuilder(block)
      .Add(block + ".input_layernorm.weight", {hidden}, theirs + ".input_layernorm.weight")
      .Add(block + ".qkv_proj.weight", {query_rows + 2 * kv_rows, hidden}, qkv("weight"))
      .Add(block + ".qkv_proj.bias", {query_rows + 2 * kv_rows}, qkv("bias"))
      .Add(block + ".o_proj.weight", {hidden, query_rows}, theirs + ".self_attn.o_proj.weight")
      .Add(block + ".post_attention_layernorm.weight", {hidden}, theirs + ".post_attention_layernorm.weight")
      .Add(block + ".gate_up_proj.weight", {2 * inner, hidden},
           {{theirs + ".mlp.gate_proj.weight", inner}, {theirs + ".mlp.up_proj.weight", inner}})
      .Add(block + ".down_proj.weight", {hidden, inner}, theirs + ".mlp.down_proj.weight")
      .Take();
}

}  // namespace

int64_t ParameterSpec::num_elements() const {
  return std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<>());
}

std::vector<int64_t> ParameterSpec::ShapeOf(const HuggingFaceRows& rows) const {
  std::vector<int64_t> of_rows = shape;
  of_rows[0] = rows.count;
  return of_rows;
}

std::vector<BucketSpec> ParameterLayout(const ModelConfig& config) {
  const int64_t hidden = config.hidden_size, vocabulary = config.vocab_size;
  std::vector<BucketSpec> buckets;
  buckets.push_back(
      BucketBuilder("embedding").Add("embed_tokens.weight", {vocabulary, hidden}, "model.embed_tokens.weight").Take());
  for (int64_t layer = 0; layer < config.num_layers; ++layer) buckets.push_back(BlockLayout(config, layer));
  BucketBuilder head("head");
  head.Add("norm.weight", {hidden}, "model.norm.weight");
  if (!config.tie_word_embeddings) head.Add("lm_head.weight", {vocabulary, hidden}, "lm_head.weight");
  buckets.push_back(head.Take());
  return buckets;
}

int64_t NumElements(const std::vector<BucketSpec>& layout) {
  int64_t count = 0;
  for (const BucketSpec& bucket : layout) count += bucket.num_elements;
  return count;
}

}  // namespace maspo
