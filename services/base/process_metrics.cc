#include "services/base/process_metrics.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"

namespace maspo {
namespace {

std::string Content(const char* path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

// Fields of /proc/self/stat by their number in proc(5), from 3 on: those behind the program's name, which may hold
// anything. 0 for what is not there.
class StatFields {
 public:
  explicit StatFields(const std::string& stat) : fields_(absl::StrSplit(stat.substr(stat.rfind(')') + 1), ' ')) {}
  double operator[](size_t number) const {
    double value = 0;
    return number - 2 < fields_.size() && absl::SimpleAtod(fields_[number - 2], &value) ? value : 0;
  }

 private:
  std::vector<std::string> fields_;
};

// Unix seconds at which the machine booted.
double BootTime() {
  for (const std::string& line : std::vector<std::string>(absl::StrSplit(Content("/proc/stat"), '\n'))) {
    double seconds = 0;
    if (line.rfind("btime ", 0) == 0 && absl::SimpleAtod(line.substr(6), &seconds)) return seconds;
  }
  return 0;
}

}  // namespace

std::vector<MetricSample> ProcessSamples() {
  const std::string stat = Content("/proc/self/stat");
  if (stat.empty()) return {};
  const StatFields fields(stat);
  const auto ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
  std::error_code error;
  const auto fds =
      std::distance(std::filesystem::directory_iterator("/proc/self/fd", error), std::filesystem::directory_iterator());
  return {
      {MetricSample::Kind::kCounter, "process_cpu_seconds_total", "CPU time used, user and system",
       (fields[14] + fields[15]) / ticks},
      {MetricSample::Kind::kGauge, "process_resident_memory_bytes", "Memory held in RAM",
       fields[24] * static_cast<double>(sysconf(_SC_PAGESIZE))},
      {MetricSample::Kind::kGauge, "process_threads", "Threads", fields[20]},
      {MetricSample::Kind::kGauge, "process_open_fds", "Open file descriptors", static_cast<double>(fds)},
      {MetricSample::Kind::kGauge, "process_start_time_seconds", "Start of the process, Unix seconds",
       BootTime() + fields[22] / ticks},
  };
}

}  // namespace maspo
