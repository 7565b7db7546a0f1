#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "learner/publish/policy_snapshot.h"
#include "model/parameter_set.h"
#include "model/weight_digest.h"
#include "model/weight_manifest.h"

namespace maspo {

inline std::vector<uint64_t> DigestsOf(const ParameterSet& weights) {
  std::vector<uint64_t> digests;
  for (const ParameterBucket& bucket : weights.buckets()) digests.push_back(DigestOf(bucket.values));
  return digests;
}

inline v1::WeightManifest Describe(const ParameterSet& weights, int64_t policy_version) {
  std::vector<BucketSpec> layout;
  for (const ParameterBucket& bucket : weights.buckets()) {
    layout.push_back({.name = bucket.name, .num_elements = bucket.values.numel(), .parameters = {}});
    for (const Parameter& parameter : bucket.parameters) layout.back().parameters.push_back(parameter);
  }
  return DescribeWeights(layout, weights.dtype(), DigestsOf(weights), policy_version);
}

// A policy version that is all in one place.
class HeldWeights final : public PolicySnapshot {
 public:
  explicit HeldWeights(std::shared_ptr<ParameterSet> weights) : weights_(std::move(weights)) {}
  absl::StatusOr<v1::WeightManifest> Describe(int64_t policy_version) override {
    return maspo::Describe(*weights_, policy_version);
  }
  absl::Status ForEachBucket(Visit visit) override {
    absl::Status status;
    for (size_t i = 0; i < weights_->buckets().size() && status.ok(); ++i) {
      status = visit(i, weights_->buckets()[i].values);
    }
    return status;
  }

 private:
  const std::shared_ptr<ParameterSet> weights_;
};

}  // namespace maspo
