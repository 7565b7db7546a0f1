#pragma once

#include "absl/status/status.h"
#include "proto/run_config.pb.h"

namespace maspo {

// Everything that can be wrong with the input of `maspo train`, found before a process is started or a file is written:
// what the learner, the rollout workers and the reward servers of this machine would find at their start. The
// configuration is validated and has its defaults. One sentence that names the key or the file.
absl::Status CheckInput(const v1::RunConfig& config);

}  // namespace maspo
