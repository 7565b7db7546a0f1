#include "model/parameter_set.h"

#include "absl/strings/str_cat.h"
#include "services/base/status_macros.h"

namespace maspo {

torch::Tensor ViewOf(const torch::Tensor& flat, const ParameterSpec& parameter) {
  return flat.narrow(0, parameter.offset, parameter.num_elements()).view(parameter.shape).detach();
}

std::shared_ptr<ParameterSet> ParameterSet::Allocate(const ModelConfig& config, torch::Device device,
                                                     torch::Dtype dtype) {
  auto set = std::make_shared<ParameterSet>();
  const auto options = torch::TensorOptions().device(device).dtype(dtype);
  for (BucketSpec& spec : ParameterLayout(config)) {
    ParameterBucket bucket{
        .name = std::move(spec.name), .values = torch::empty({spec.num_elements}, options), .parameters = {}};
    for (ParameterSpec& parameter : spec.parameters) {
      set->places_[parameter.name] = {set->buckets_.size(), bucket.parameters.size()};
      torch::Tensor view = ViewOf(bucket.values, parameter);
      bucket.parameters.push_back({std::move(parameter), std::move(view)});
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

BlockWeights ParameterSet::block(int layer) const {
  BlockWeights weights;
  for (int i = 0; i < kNumBlockParameters; ++i) weights[i] = buckets_[1 + layer].parameters[i].view;
  return weights;
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

void ParameterSet::CopyFrom(const ParameterSet& other) {
  MASPO_CHECK(buckets_.size() == other.buckets_.size());
  for (size_t i = 0; i < buckets_.size(); ++i) {
    MASPO_CHECK(buckets_[i].values.numel() == other.buckets_[i].values.numel());
    buckets_[i].values.copy_(other.buckets_[i].values);
  }
}

}  // namespace maspo
