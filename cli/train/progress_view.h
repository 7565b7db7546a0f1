#pragma once

#include <string>

#include "proto/control.pb.h"
#include "services/base/progress.h"

namespace maspo {

// Shows a run's status as it changes: step, reward, entropy, what the learner does or waits for.
class ProgressView {
 public:
  explicit ProgressView(uint64_t total_steps) : progress_("train", "steps", static_cast<double>(total_steps)) {}

  void Show(const v1::RunStatus& status);

 private:
  Progress progress_;
};

}  // namespace maspo
