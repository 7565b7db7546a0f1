#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "services/base/file_lock.h"

namespace maspo {

// A run's folder has one learner, and one `maspo train`, at a time. Each holds a lock of its own for its life, since
// the one starts the other: RUN_DIR/learner.lock and RUN_DIR/train.lock.
enum class RunLock { kLearner, kTrain };

// Unavailable: says who has the folder, and what to do. The folder exists.
absl::StatusOr<FileLock> LockRun(const std::string& run_dir, RunLock which);

// Whether LockRun() would get it now.
absl::Status CheckRunIsFree(const std::string& run_dir, RunLock which);

}  // namespace maspo
