#pragma once

#include <algorithm>
#include <chrono>

#include "absl/time/time.h"

namespace maspo {

// The time that every deadline and duration is measured by: it only goes forward, one second a second, whatever becomes
// of the machine's clock (NTP steps, suspended machines, an operator's `date -s`). As an absl::Time, because that is
// what deadlines are passed as; its epoch is the process's own, so it is of no use in files, messages or other
// processes. Timestamps for people and files are absl::Now().
inline absl::Time SteadyNow() {
  return absl::UnixEpoch() + absl::FromChrono(std::chrono::steady_clock::now().time_since_epoch());
}

// The same moment for the standard library's waits: between now and a year from now, so that nothing overflows.
inline std::chrono::steady_clock::time_point ToSteadyChrono(absl::Time deadline) {
  const absl::Duration left = std::clamp(deadline - SteadyNow(), absl::ZeroDuration(), absl::Hours(24 * 365));
  return std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(left);
}

// A deadline for somebody else's clock, of the machine's time: as far away as it is by ours.
inline std::chrono::system_clock::time_point ToSystemChrono(absl::Time deadline) {
  const absl::Duration left = std::min(deadline - SteadyNow(), absl::Hours(24 * 365));
  return std::chrono::system_clock::now() + absl::ToChronoMicroseconds(left);
}

}  // namespace maspo
