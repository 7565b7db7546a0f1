#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "learner/sharded/sharded_parameters.h"
#include "learner/update/adamw.h"
#include "model/parameter_layout.h"

namespace maspo {

// CHECKPOINT/optimizer/rank-00002-of-00004.safetensors: what a rank's optimizer needs to go on, as each rank has
// written it: of every bucket the rank's part of the fp32 master weights and of both moments. They can be read by any
// other number of ranks, each of which takes the parts that it needs.

// Errors name the file. `folder` is the checkpoint; the folder "optimizer" in it is made by rank 0 beforehand.
absl::Status SaveShard(const std::string& folder, const ShardedParameters& parameters, const AdamW& optimizer);

// Where SaveShard() writes.
std::string ShardFolder(const std::string& folder);

// Whether the files of all ranks are there, whole and of this model; reads their headers only. NotFound or DataLoss:
// names the file and what is wrong.
absl::Status CheckShards(const std::string& folder, const std::vector<BucketSpec>& layout);

// Master weights and moments of this rank. `num_updates` is kept in the run's state. Errors as above.
absl::Status LoadShard(const std::string& folder, int64_t num_updates, ShardedParameters& parameters, AdamW& optimizer);

}  // namespace maspo
