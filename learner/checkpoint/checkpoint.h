#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace maspo {

// Where a run is, besides weights and optimizer moments. Random streams are keyed by the seed and these counters, so
// they need no state of their own.
struct RunState {
  uint64_t step = 0;             // Finished training steps = policy version of the weights.
  uint64_t planned_updates = 0;  // Mini-batches so far,
  uint64_t skipped_updates = 0;  // and how many of them had a loss or gradient that was not finite.
  uint64_t prompt_cursor = 0;    // Training groups issued so far.
  uint64_t ledger_offset = 0;    // Bytes of the ledger that belong to this state.
  uint64_t seed = 0;
  int64_t num_updates = 0;  // Of the optimizer.
};

// RUN_DIR/checkpoints/step-00000050/: what the trainer writes, and run_state.json.
//
// A checkpoint is written beside its place and renamed when all of it is on the disk, so every folder named
// step-<number> was whole once. Older ones are deleted after that. What a crash or a full disk left unfinished is
// removed.
//
// Has no state: the files are. One checkpoint is written at a time.
class CheckpointStore {
 public:
  struct Options {
    std::string folder;  // RUN_DIR/checkpoints
    uint32_t keep = 3;   // The newest ones; 0 = all.
  };
  explicit CheckpointStore(Options options) : options_(std::move(options)) {}

  // Where to write the checkpoint of a step, a folder that does not exist; nullopt: there is one.
  std::optional<std::string> Prepare(uint64_t step) const;
  // What was prepared becomes a checkpoint, if it was `written`; otherwise it is removed, and that error returned.
  absl::Status Commit(const RunState& state, const absl::Status& written) const;

  struct Checkpoint {
    std::string path;
    RunState state;
  };
  // The newest one that can be read: its run_state.json, and by the word of `check` the rest. Those that cannot, newer
  // ones, are renamed to step-<number>.damaged, and the log says why. Nullopt: there is none at all. DataLoss: there
  // are some, and none can be read; nothing is renamed.
  absl::StatusOr<std::optional<Checkpoint>> TakeNewest(
      absl::FunctionRef<absl::Status(const std::string& folder)> check) const;

  // The newest one's path, whatever its state; nullopt when there is none.
  std::optional<std::string> Newest() const;

  // Removes what is unfinished. The caller is the only learner of the run.
  void RemoveUnfinished() const;

  // DataLoss or NotFound: names the file that is missing or damaged.
  static absl::StatusOr<RunState> LoadState(const std::string& checkpoint);

 private:
  std::string PathOf(uint64_t step) const;
  void DeleteOld() const;

  const Options options_;
};

}  // namespace maspo
