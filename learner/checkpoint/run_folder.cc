#include "learner/checkpoint/run_folder.h"

#include <spdlog/spdlog.h>

#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "learner/checkpoint/run_lock.h"
#include "services/base/status_macros.h"

namespace maspo {

absl::StatusOr<RunFolder> RunFolder::Open(const Options& options) {
  RunFolder folder;
  std::error_code error;
  std::filesystem::create_directories(options.run_dir, error);
  if (error) return absl::UnavailableError(absl::StrCat("cannot make ", options.run_dir, ": ", error.message()));
  MASPO_ASSIGN_OR_RETURN(FileLock lock, LockRun(options.run_dir, RunLock::kLearner));
  folder.lock = std::make_unique<FileLock>(std::move(lock));
  folder.checkpoints = std::make_unique<CheckpointStore>(
      CheckpointStore::Options{.folder = options.run_dir + "/checkpoints", .keep = options.keep_checkpoints});
  MASPO_ASSIGN_OR_RETURN(folder.ledger, Ledger::Open(options.run_dir + "/ledger.jsonl"));
  if (!options.resume && (folder.ledger->offset() > 0 || folder.checkpoints->Newest())) {
    return absl::InvalidArgumentError(absl::StrCat(options.run_dir,
                                                   " holds a run already; add --resume to go on with it, or name "
                                                   "another folder"));
  }
  folder.checkpoints->RemoveUnfinished();
  MASPO_RETURN_IF_ERROR(CheckResume(options.run_dir, options.origin));
  MASPO_ASSIGN_OR_RETURN(auto newest, folder.checkpoints->TakeNewest(options.check_checkpoint));
  folder.state.seed = options.seed;
  if (newest) {
    folder.checkpoint = std::move(newest->path);
    folder.state = newest->state;
    if (folder.state.seed != options.seed) {
      return absl::InvalidArgumentError(absl::StrCat("run.seed is ", options.seed, ", but ", *folder.checkpoint,
                                                     " was made with ", folder.state.seed, "; a run keeps its seed"));
    }
  }
  MASPO_RETURN_IF_ERROR(options.origin.Save(options.run_dir));
  MASPO_RETURN_IF_ERROR(folder.ledger->TruncateTo(folder.state.ledger_offset));
  spdlog::info("starting after step {} with the weights of {}", folder.state.step,
               folder.checkpoint.value_or("model.path"));
  return folder;
}

}  // namespace maspo
