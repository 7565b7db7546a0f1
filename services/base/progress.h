#pragma once

#include <string>

#include "absl/time/time.h"

namespace maspo {

// How far a piece of work is.
struct ProgressState {
  std::string what;  // "score"
  std::string unit;  // "sequences"
  double done = 0;
  double total = 0;  // 0 = unknown.
  absl::Duration elapsed;
  std::string note;  // Appended, for instance "loss 0.31".
};

// "score: 120/500 sequences, 61.2/s, 6 s left", and "score: 500/500 sequences, 61.2/s, 8 s" once all is done.
std::string ProgressLine(const ProgressState& state);

// Whether a line is due: never in the first two seconds, then ten times a second on a terminal, else every ten seconds.
bool ProgressIsDue(bool terminal, absl::Duration since_start, absl::Duration since_last_line);

// Progress of one long piece of work on stderr: done / total, rate and remaining time. On a terminal one line is
// redrawn; elsewhere plain lines are printed. Silent for the first two seconds. Not thread-safe.
class Progress {
 public:
  // total 0 = unknown.
  Progress(std::string what, std::string unit, double total);
  ~Progress();  // Ends the line.

  void Update(double done, const std::string& note = "");

 private:
  void Print(bool last);

  const bool terminal_;
  const absl::Time start_;
  absl::Time last_print_ = absl::InfinitePast();
  ProgressState state_;
};

}  // namespace maspo
