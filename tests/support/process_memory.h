#pragma once

#include <sys/types.h>

#include <cstdint>
#include <fstream>
#include <string>

namespace maspo {

// The most memory that a running process has held since it began; 0 if it is gone. Unlike getrusage(), this does not
// count what its parent held when it was forked.
inline int64_t PeakMemoryBytes(pid_t pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.rfind("VmHWM:", 0) == 0) return 1024 * std::stoll(line.substr(6));
  }
  return 0;
}

}  // namespace maspo
