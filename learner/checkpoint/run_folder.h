#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "learner/checkpoint/checkpoint.h"
#include "learner/checkpoint/run_origin.h"
#include "learner/ledger/ledger.h"
#include "services/base/file_lock.h"

namespace maspo {

// RUN_DIR as its one learner has it: locked, and its ledger cut back to where the run goes on. That is after the newest
// checkpoint that can be read, or the beginning where there is none: whatever was done without one did not happen.
struct RunFolder {
  struct Options {
    std::string run_dir;
    bool resume = false;  // Go on with the run that is there, if there is one.
    uint32_t keep_checkpoints = 3;
    uint64_t seed = 0;
    RunOrigin origin;                                                  // Of the run as it is configured now.
    std::function<absl::Status(const std::string&)> check_checkpoint;  // Of what the trainer wrote.
  };
  // Unavailable: somebody else has it, or a file cannot be written. InvalidArgument: there is a run, and `resume` is
  // not given, or the run keeps what the configuration changes. DataLoss: damage that nothing older makes up for.
  static absl::StatusOr<RunFolder> Open(const Options& options);

  std::unique_ptr<FileLock> lock;
  std::unique_ptr<CheckpointStore> checkpoints;
  std::unique_ptr<Ledger> ledger;
  std::optional<std::string> checkpoint;  // Where weights and moments are; nullopt at the beginning.
  RunState state;
};

}  // namespace maspo
