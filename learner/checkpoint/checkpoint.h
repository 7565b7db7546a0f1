#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "learner/update/adamw.h"
#include "model/transformer.h"

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
};

// RUN_DIR/checkpoints/step-00000050/: a Hugging Face folder, plus optimizer.safetensors and run_state.json.
//
// A checkpoint is written beside its place and renamed when it is complete, so that every folder named step-* is whole.
// Not thread-safe.
class CheckpointStore {
 public:
  struct Options {
    std::string folder;         // RUN_DIR/checkpoints
    std::string source_folder;  // model.path: where tokenizer, template and config.json come from.
    uint32_t keep = 3;          // The newest ones; 0 = all.
  };
  explicit CheckpointStore(Options options) : options_(std::move(options)) {}

  // Saving the same step again does nothing.
  absl::Status Save(const RunState& state, const Transformer& policy, const AdamW& optimizer);

  // The newest checkpoint's path; nullopt when there is none.
  std::optional<std::string> Newest() const;

  // DataLoss or InvalidArgument: names the file that is missing or damaged.
  static absl::StatusOr<RunState> LoadState(const std::string& checkpoint);
  static absl::Status LoadOptimizer(const std::string& checkpoint, const ParameterSet& parameters, AdamW& optimizer);

 private:
  void DeleteOld() const;

  const Options options_;
};

}  // namespace maspo
