#pragma once

#include <optional>
#include <string>

namespace maspo {

// Bytes of memory that the processes of this machine, or of this container, may have together: what the machine has, or
// the limit of a control group that this process is in, whichever is least. Swap does not count.
double MachineMemory();

// The least limit of the control groups, version 2, named by the text of /proc/self/cgroup; nullopt without one.
// `mount`: /sys/fs/cgroup.
std::optional<double> ControlGroupLimit(const std::string& self, const std::string& mount);

}  // namespace maspo
