#pragma once

#include "absl/status/status.h"
#include "proto/run_config.pb.h"

namespace maspo {

// What each number may be by itself. InvalidArgument: "KEY is VALUE; it must be ...". Parameters of the objective, the
// advantage and the behavior correction are checked by what takes them.
absl::Status CheckRanges(const v1::RunConfig& config);

}  // namespace maspo
