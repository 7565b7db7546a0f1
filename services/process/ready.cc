#include "services/process/ready.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "services/base/jsonl.h"
#include "services/base/status_macros.h"
#include "services/base/steady_clock.h"

namespace maspo {
namespace {

constexpr size_t kLongestLine = 4096;

absl::StatusOr<ReadyReport> ParseReport(const std::string& line) {
  const auto object = nlohmann::json::parse(line, /*cb=*/nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) {
    return absl::InvalidArgumentError(absl::StrCat("expected a line of JSON about readiness, not \"", line, "\""));
  }
  const std::string where = "the line about readiness";
  ReadyReport report;
  MASPO_ASSIGN_OR_RETURN(report.endpoint, StringField(object, "endpoint", where));
  MASPO_ASSIGN_OR_RETURN(report.metrics, StringField(object, "metrics", where));
  return report;
}

// Ok as soon as `fd` can be read, also when that means its end.
absl::Status WaitReadable(int fd, absl::Time deadline, const StopSignal& stop) {
  while (true) {
    if (stop.stop_requested()) return absl::CancelledError("stopped while waiting for a process to become ready");
    const absl::Duration left = deadline - SteadyNow();
    if (left <= absl::ZeroDuration()) return absl::DeadlineExceededError("the process is not ready yet");
    const auto millis = absl::ToInt64Milliseconds(absl::Ceil(std::min(left, absl::Minutes(1)), absl::Milliseconds(1)));
    pollfd watched[] = {{fd, POLLIN, 0}, {stop.fd(), POLLIN, 0}};
    if (poll(watched, 2, static_cast<int>(millis)) > 0 && watched[0].revents != 0) return absl::OkStatus();
  }
}

}  // namespace

absl::Status NotifyReady(int fd, const ReadyReport& report) {
  const nlohmann::json object = {{"endpoint", report.endpoint}, {"metrics", report.metrics}};
  const std::string line = object.dump() + "\n";
  // Shorter than PIPE_BUF, so a pipe takes it whole.
  const ssize_t written = write(fd, line.data(), line.size());
  const int error = errno;
  close(fd);
  if (written == static_cast<ssize_t>(line.size())) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat("cannot report readiness on descriptor ", fd, ": ",
                                             written < 0 ? std::strerror(error) : "the pipe is full"));
}

absl::StatusOr<ReadyReport> ReadReady(int fd, absl::Time deadline, const StopSignal& stop) {
  std::string line;
  while (true) {
    MASPO_RETURN_IF_ERROR(WaitReadable(fd, deadline, stop));
    char buffer[512];
    const ssize_t n = read(fd, buffer, sizeof buffer);
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (n <= 0) return absl::UnavailableError("the process ended before it was ready");
    line.append(buffer, static_cast<size_t>(n));
    const size_t end = line.find('\n');
    if (end != line.npos) return ParseReport(line.substr(0, end));
    if (line.size() > kLongestLine) return ParseReport(line.substr(0, 80));
  }
}

}  // namespace maspo
