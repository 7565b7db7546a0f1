#pragma once

#include <cstddef>
#include <cstdint>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "model/torch.h"
#include "proto/weights.pb.h"

namespace maspo {

// The weights of a policy version as they were when it was made, wherever their parts are, while training goes on.
//
// Thread-safe. Unavailable: a rank that has a part of them is gone.
class PolicySnapshot {
 public:
  virtual ~PolicySnapshot() = default;

  // Names, shapes, dtype and digests of all buckets.
  virtual absl::StatusOr<v1::WeightManifest> Describe(int64_t policy_version) = 0;

  // Calls visit(bucket, values [num_elements]) for all buckets in order, the next one on its way meanwhile; the values
  // are good until it returns. Ends with the first error of `visit`.
  using Visit = absl::FunctionRef<absl::Status(size_t bucket, const torch::Tensor& values)>;
  virtual absl::Status ForEachBucket(Visit visit) = 0;
};

}  // namespace maspo
