#include "model/weight_manifest.h"

#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "model/dtype.h"
#include "services/base/status_macros.h"

namespace maspo {

v1::WeightManifest DescribeWeights(const std::vector<BucketSpec>& layout, torch::Dtype dtype,
                                   absl::Span<const uint64_t> digests, int64_t policy_version) {
  MASPO_CHECK(digests.size() == layout.size());
  v1::WeightManifest manifest;
  manifest.set_policy_version(policy_version);
  for (size_t i = 0; i < layout.size(); ++i) {
    v1::WeightBucket& out = *manifest.add_buckets();
    out.set_name(layout[i].name);
    out.set_num_bytes(static_cast<uint64_t>(layout[i].num_elements) * torch::elementSize(dtype));
    out.set_digest(digests[i]);
    for (const ParameterSpec& parameter : layout[i].parameters) {
      v1::TensorSpec& tensor = *out.add_tensors();
      tensor.set_name(parameter.name);
      tensor.mutable_shape()->Add(parameter.shape.begin(), parameter.shape.end());
      tensor.set_dtype(NameOf(dtype));
    }
  }
  return manifest;
}

absl::StatusOr<torch::Dtype> DtypeOf(const v1::WeightManifest& manifest) {
  const std::string name =
      manifest.buckets().empty() || manifest.buckets(0).tensors().empty() ? "" : manifest.buckets(0).tensors(0).dtype();
  for (const v1::WeightBucket& bucket : manifest.buckets()) {
    for (const v1::TensorSpec& tensor : bucket.tensors()) {
      if (tensor.dtype() == name) continue;
      return absl::FailedPreconditionError(absl::StrCat("the learner sends weights of several types: ", name, " and ",
                                                        tensor.dtype(), " (", tensor.name(), ")"));
    }
  }
  if (const std::optional<torch::Dtype> dtype = DtypeNamed(name)) return *dtype;
  return absl::FailedPreconditionError(
      absl::StrCat("the learner sends weights of type \"", name, "\", which this worker does not know"));
}

}  // namespace maspo
