#include "model/parameter_set.h"

#include "absl/strings/str_cat.h"
#include "services/base/status_macros.h"

namespace maspo {
namespace {

// A bucket's layout, before memory is given to it. Parameters are appended without gaps.
struct BucketPlan {
  explicit BucketPlan(std::string name) { bucket.name = std::move(name); }

  BucketPlan& Add(std::string name, std::vector<int64_t> shape) {
    int64_t count = 1;
    for (const int64_t extent : shape) count *= extent;
    bucket.parameters.push_back(
        {.name = std::move(name), .shape = std::move(shape), .offset = num_elements, .view = {}});
    num_elements += count;
    return *this;
  }

  ParameterBucket bucket;
  int64_t num_elements = 0;
};

// In the order of BlockParameter. Rows of the fused matrices: all query heads, key heads, value heads; gate, up.
BucketPlan PlanBlock(const ModelConfig& config, int64_t layer) {
  const int64_t hidden = config.hidden_size;
  const int64_t query_rows = config.num_heads * config.head_dim;
  const int64_t qkv_rows = query_rows + 2 * config.num_kv_heads * config.head_dim;
  const std::string block = absl::StrCat("layers.", layer);
  return BucketPlan(block)
      .Add(absl::StrCat(block, ".input_layernorm.weight"), {hidden})
      .Add(absl::StrCat(block, ".qkv_proj.weight"), {qkv_rows, hidden})
      .Add(absl::StrCat(block, ".qkv_proj.bias"), {qkv_rows})
      .Add(absl::StrCat(block, ".o_proj.weight"), {hidden, query_rows})
      .Add(absl::StrCat(block, ".post_attention_layernorm.weight"), {hidden})
      .Add(absl::StrCat(block, ".gate_up_proj.weight"), {2 * config.intermediate_size, hidden})
      .Add(absl::StrCat(block, ".down_proj.weight"), {hidden, config.intermediate_size});
}

std::vector<BucketPlan> PlanBuckets(const ModelConfig& config) {
  std::vector<BucketPlan> plans;
  plans.push_back(BucketPlan("embedding").Add("embed_tokens.weight", {config.vocab_size, config.hidden_size}));
  for (int64_t layer = 0; layer < config.num_layers; ++layer) plans.push_back(PlanBlock(config, layer));
  plans.push_back(BucketPlan("head").Add("norm.weight", {config.hidden_size}));
  if (!config.tie_word_embeddings) plans.back().Add("lm_head.weight", {config.vocab_size, config.hidden_size});
  return plans;
}

torch::Tensor ViewOf(const torch::Tensor& flat, const Parameter& parameter) {
  return flat.narrow(0, parameter.offset, c10::multiply_integers(parameter.shape)).view(parameter.shape).detach();
}

}  // namespace

std::shared_ptr<ParameterSet> ParameterSet::Allocate(const ModelConfig& config, torch::Device device,
                                                     torch::Dtype dtype, bool trainable) {
  auto set = std::make_shared<ParameterSet>();
  const auto options = torch::TensorOptions().device(device).dtype(dtype);
  for (BucketPlan& plan : PlanBuckets(config)) {
    ParameterBucket bucket = std::move(plan.bucket);
    bucket.values = torch::empty({plan.num_elements}, options);
    if (trainable) bucket.grads = torch::zeros({plan.num_elements}, options);
    for (size_t i = 0; i < bucket.parameters.size(); ++i) {
      Parameter& parameter = bucket.parameters[i];
      parameter.view = ViewOf(bucket.values, parameter).requires_grad_(trainable);
      // Autograd adds to a defined gradient in place, so it stays a view of the bucket.
      if (trainable) parameter.view.mutable_grad() = ViewOf(bucket.grads, parameter);
      set->places_[parameter.name] = {set->buckets_.size(), i};
    }
    set->buckets_.push_back(std::move(bucket));
  }
  return set;
}

const torch::Tensor& ParameterSet::at(const std::string& name) const {
  const auto place = places_.find(name);
  MASPO_CHECK(place != places_.end());
  return buckets_[place->second.first].parameters[place->second.second].view;
}

const torch::Tensor& ParameterSet::head() const {
  const auto& parameters = buckets_.back().parameters;
  return parameters.size() > 1 ? parameters[1].view : embedding();
}

int64_t ParameterSet::num_elements() const {
  int64_t count = 0;
  for (const ParameterBucket& bucket : buckets_) count += bucket.values.numel();
  return count;
}

void ParameterSet::ZeroGrads() {
  for (ParameterBucket& bucket : buckets_) bucket.grads.zero_();
}

void ParameterSet::CopyFrom(const ParameterSet& other) {
  MASPO_CHECK(buckets_.size() == other.buckets_.size());
  for (size_t i = 0; i < buckets_.size(); ++i) {
    MASPO_CHECK(buckets_[i].values.numel() == other.buckets_[i].values.numel());
    buckets_[i].values.copy_(other.buckets_[i].values);
  }
}

}  // namespace maspo
