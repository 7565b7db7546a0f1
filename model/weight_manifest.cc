#include "model/digest.h"
#include "model/parameter_set.h"
#include "services/base/status_macros.h"

namespace maspo {
namespace {

std::string NameOf(torch::Dtype dtype) {
  MASPO_CHECK(dtype == torch::kFloat32 || dtype == torch::kBFloat16);
  return dtype == torch::kFloat32 ? "float32" : "bfloat16";
}

}  // namespace

v1::WeightManifest DescribeWeights(const ParameterSet& parameters, int64_t policy_version) {
  v1::WeightManifest manifest;
  manifest.set_policy_version(policy_version);
  for (const ParameterBucket& bucket : parameters.buckets()) {
    v1::WeightBucket& out = *manifest.add_buckets();
    out.set_name(bucket.name);
    out.set_num_bytes(bucket.values.nbytes());
    for (const Parameter& parameter : bucket.parameters) {
      v1::TensorSpec& tensor = *out.add_tensors();
      tensor.set_name(parameter.name);
      tensor.mutable_shape()->Add(parameter.shape.begin(), parameter.shape.end());
      tensor.set_dtype(NameOf(bucket.values.scalar_type()));
    }
  }
  manifest.set_digest(DigestOf(parameters));
  return manifest;
}

std::string DigestOf(const ParameterSet& parameters) {
  Digest digest;
  for (const ParameterBucket& bucket : parameters.buckets()) {
    const torch::Tensor host = bucket.values.cpu();
    digest.Update(host.data_ptr(), host.nbytes());
  }
  return digest.Hex();
}

}  // namespace maspo
