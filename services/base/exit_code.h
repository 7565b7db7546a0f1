#pragma once

#include "absl/status/status.h"

namespace maspo {

// The exit code of every program: 0 full success; 2 the user's input is wrong; 1 anything else.
inline int ExitCodeOf(const absl::Status& status) {
  if (status.ok()) return 0;
  return absl::IsInvalidArgument(status) || absl::IsNotFound(status) ? 2 : 1;
}

}  // namespace maspo
