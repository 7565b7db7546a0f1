#pragma once

#include <string>

#include "absl/time/time.h"

namespace maspo {

// A number for people, three significant digits or all digits before the point: 61.2, 0.0314, 12345, 120.
std::string HumanNumber(double value);

// A duration for people: 0.4 s, 12 s, 3 min 5 s, 2 h 10 min, 4 d 3 h; "?" when infinite.
std::string HumanDuration(absl::Duration duration);

}  // namespace maspo
