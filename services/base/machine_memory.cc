#include "services/base/machine_memory.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "services/base/atomic_file.h"

namespace maspo {
namespace {

std::optional<double> LimitIn(const std::filesystem::path& folder) {
  const auto text = ReadFile((folder / "memory.max").string());
  double limit = 0;  // The file says "max" where there is none.
  if (!text.ok() || !absl::SimpleAtod(absl::StripAsciiWhitespace(*text), &limit)) return std::nullopt;
  return limit;
}

}  // namespace

// A container's own groups are mounted as the root; seen from outside, the limit may lie in any folder above.
std::optional<double> ControlGroupLimit(const std::string& self, const std::string& mount) {
  std::optional<double> least;
  for (absl::string_view line : absl::StrSplit(self, '\n')) {
    if (!absl::ConsumePrefix(&line, "0::/")) continue;
    std::filesystem::path group = std::filesystem::path(mount) / std::string(line);
    while (true) {
      if (const auto limit = LimitIn(group)) least = std::min(least.value_or(*limit), *limit);
      if (group == mount || !group.has_relative_path()) break;
      group = group.parent_path();
    }
  }
  return least;
}

double MachineMemory() {
  const double physical = static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGESIZE));
  const auto limit = ControlGroupLimit(ReadFile("/proc/self/cgroup").value_or(""), "/sys/fs/cgroup");
  return std::min(physical, limit.value_or(physical));
}

}  // namespace maspo
