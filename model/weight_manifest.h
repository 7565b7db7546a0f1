#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "model/parameter_layout.h"
#include "model/torch.h"
#include "proto/weights.pb.h"

namespace maspo {

// What is told of weights before they are sent: names and shapes of the layout, their dtype, and the digest of each
// bucket (model/weight_digest.h).
v1::WeightManifest DescribeWeights(const std::vector<BucketSpec>& layout, torch::Dtype dtype,
                                   absl::Span<const uint64_t> digests, int64_t policy_version);

// The one dtype of all tensors. FailedPrecondition: there are several, or it is neither float32 nor bfloat16.
absl::StatusOr<torch::Dtype> DtypeOf(const v1::WeightManifest& manifest);

}  // namespace maspo
