#pragma once

#include <map>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "learner/prompts/prompt_dataset.h"
#include "proto/run_config.pb.h"

namespace maspo {

// What a run began with and keeps until its end, in RUN_DIR/origin.json: the settings that --resume must not change,
// and digests of what others name.
struct RunOrigin {
  std::map<std::string, std::string> settings;  // Those that are kept (ResumeKeys), as text.
  std::string train_digest;                     // Of the training problems, in order.
  std::string model_digest;                     // Of model.path.

  // Unavailable, NotFound: a file of the model cannot be read.
  static absl::StatusOr<RunOrigin> Of(const v1::RunConfig& config, const PromptDataset& train);

  // Nullopt: there is none. DataLoss: it cannot be read.
  static absl::StatusOr<std::optional<RunOrigin>> Load(const std::string& run_dir);
  absl::Status Save(const std::string& run_dir) const;
};

// Whether a run in `run_dir` may go on as `now`. Ok when it has nothing to go on from, or was begun by a build that
// kept no origin. InvalidArgument: names the setting, and what to do.
absl::Status CheckResume(const std::string& run_dir, const RunOrigin& now);

}  // namespace maspo
