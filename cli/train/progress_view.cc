#include "cli/train/progress_view.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdio>
#include <vector>

#include "absl/strings/str_join.h"
#include "cli/train/run_lines.h"
#include "services/base/progress.h"
#include "services/base/steady_clock.h"

namespace maspo {
namespace {

constexpr size_t kTrendSteps = 10;

// Longer lines would wrap, and redrawing would leave pieces behind.
size_t TerminalWidth() {
  winsize size = {};
  return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

}  // namespace

ProgressView::ProgressView() : terminal_(isatty(STDERR_FILENO) != 0), start_(SteadyNow()) {}

ProgressView::~ProgressView() { std::fflush(stderr); }

void ProgressView::Show(const v1::RunStatus& status) {
  const auto reward = status.metrics().find("reward/mean");
  if (reward != status.metrics().end() && status.step() != last_step_) {
    last_step_ = status.step();
    rewards_.push_back(reward->second);
    if (rewards_.size() > kTrendSteps) rewards_.pop_front();
  }
  const absl::Time now = SteadyNow();
  const bool is_last = status.phase() == "done";
  if (is_last || ProgressIsDue(terminal_, now - start_, now - last_print_)) {
    last_print_ = now;
    Draw(status);
  }
}

void ProgressView::Draw(const v1::RunStatus& status) {
  const std::vector<std::string> lines = RunLines(status, rewards_);
  if (!terminal_) {
    std::fprintf(stderr, "%s\n", absl::StrJoin(lines, "; ").c_str());
    return;
  }
  // Up to the first line drawn before, then each line anew; "erase to the end of the screen" removes what is left over.
  if (drawn_lines_ > 0) std::fprintf(stderr, "\033[%dA\r", drawn_lines_);
  const size_t width = TerminalWidth() - 1;
  for (const std::string& line : lines) std::fprintf(stderr, "%s\033[K\n", line.substr(0, width).c_str());
  std::fputs("\033[J", stderr);
  drawn_lines_ = static_cast<int>(lines.size());
}

}  // namespace maspo
