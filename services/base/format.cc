#include "services/base/format.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace maspo {

std::string HumanNumber(double value) {
  if (std::fabs(value) >= 1e15 || !std::isfinite(value)) return absl::StrFormat("%.3g", value);
  if (value == std::floor(value) || std::fabs(value) >= 100) return absl::StrFormat("%.0f", value);
  return absl::StrFormat("%.3g", value);
}

std::string HumanDuration(absl::Duration duration) {
  if (duration == absl::InfiniteDuration()) return "?";
  if (duration < absl::Seconds(9.5)) {
    const double seconds = std::max(0.0, absl::ToDoubleSeconds(duration));
    return seconds < 0.95 && seconds > 0 ? absl::StrFormat("%.1f s", seconds) : absl::StrFormat("%.0f s", seconds);
  }
  const int64_t seconds = absl::ToInt64Seconds(duration + absl::Milliseconds(500));
  if (seconds < 60) return absl::StrCat(seconds, " s");
  if (seconds < 3600) return absl::StrCat(seconds / 60, " min ", seconds % 60, " s");
  if (seconds < 86400) return absl::StrCat(seconds / 3600, " h ", seconds % 3600 / 60, " min");
  return absl::StrCat(seconds / 86400, " d ", seconds % 86400 / 3600, " h");
}

}  // namespace maspo
