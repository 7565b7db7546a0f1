#include "services/base/progress.h"

#include <unistd.h>

#include <cstdio>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/base/format.h"
#include "services/base/steady_clock.h"

namespace maspo {

std::string ProgressLine(const ProgressState& state) {
  std::string line = absl::StrCat(state.what, ": ", HumanNumber(state.done));
  if (state.total > 0) absl::StrAppend(&line, "/", HumanNumber(state.total));
  absl::StrAppend(&line, " ", state.unit);
  const double seconds = absl::ToDoubleSeconds(state.elapsed);
  const double rate = seconds > 0 ? state.done / seconds : 0;
  absl::StrAppend(&line, ", ", HumanNumber(rate), "/s, ");
  if (state.total <= 0 || state.done >= state.total) {
    absl::StrAppend(&line, HumanDuration(state.elapsed));
  } else {
    const auto left = rate > 0 ? absl::Seconds((state.total - state.done) / rate) : absl::InfiniteDuration();
    absl::StrAppend(&line, HumanDuration(left), " left");
  }
  if (!state.note.empty()) absl::StrAppend(&line, ", ", state.note);
  return line;
}

bool ProgressIsDue(bool terminal, absl::Duration since_start, absl::Duration since_last_line) {
  if (since_start < absl::Seconds(2)) return false;
  return since_last_line >= (terminal ? absl::Milliseconds(100) : absl::Seconds(10));
}

Progress::Progress(std::string what, std::string unit, double total)
    : terminal_(isatty(STDERR_FILENO) != 0), start_(SteadyNow()) {
  state_.what = std::move(what);
  state_.unit = std::move(unit);
  state_.total = total;
}

Progress::~Progress() {
  const bool printed = last_print_ != absl::InfinitePast();
  if (printed) Print(/*last=*/true);
}

void Progress::Update(double done, const std::string& note) {
  state_.done = done;
  state_.note = note;
  const absl::Time now = SteadyNow();
  if (ProgressIsDue(terminal_, now - start_, now - last_print_)) Print(/*last=*/false);
}

void Progress::Print(bool last) {
  last_print_ = SteadyNow();
  state_.elapsed = last_print_ - start_;
  const std::string line = ProgressLine(state_);
  if (terminal_) {
    // Carriage return and "erase to the end of the line" redraw in place.
    std::fprintf(stderr, "\r\033[K%s%s", line.c_str(), last ? "\n" : "");
  } else {
    std::fprintf(stderr, "%s\n", line.c_str());
  }
  std::fflush(stderr);
}

}  // namespace maspo
