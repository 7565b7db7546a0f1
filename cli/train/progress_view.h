#pragma once

#include <deque>
#include <string>

#include "absl/time/time.h"
#include "proto/control.pb.h"

namespace maspo {

// Shows a run's status on stderr as it changes: RunLines, redrawn in place on a terminal, and as one plain line every
// ten seconds elsewhere. Not thread-safe.
class ProgressView {
 public:
  ProgressView();
  ~ProgressView();  // Leaves the last status on the screen.

  void Show(const v1::RunStatus& status);

 private:
  void Draw(const v1::RunStatus& status);

  const bool terminal_;
  const absl::Time start_;
  absl::Time last_print_ = absl::InfinitePast();
  int drawn_lines_ = 0;  // On the terminal, above the cursor.
  uint64_t last_step_ = 0;
  std::deque<double> rewards_;  // Of the last steps.
};

}  // namespace maspo
