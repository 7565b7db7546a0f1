#include "services/base/retry.h"

#include <algorithm>
#include <cmath>

#include "services/base/steady_clock.h"

namespace maspo {
namespace {

// SplitMix64: the same share in [0, 1) for the same seed and attempt.
double RandomShare(uint64_t seed, int attempt) {
  uint64_t z = seed + 0x9e3779b97f4a7c15 * static_cast<uint64_t>(attempt);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  z ^= z >> 31;
  return static_cast<double>(z >> 11) * 0x1p-53;
}

}  // namespace

bool RetryPolicy::Retries(absl::StatusCode code) const {
  return std::find(codes.begin(), codes.end(), code) != codes.end();
}

absl::Duration RetryPolicy::Backoff(int attempt) const {
  const int doublings = std::min(attempt - 1, 30);  // Beyond 2^30 every sensible maximum is reached.
  const absl::Duration full = std::min(first_backoff * std::ldexp(1.0, doublings), max_backoff);
  return full * (1 - jitter * RandomShare(seed, attempt));
}

absl::Status CallWithRetry(const RetryPolicy& policy, absl::Time deadline, const StopSignal& stop,
                           absl::FunctionRef<absl::Status()> attempt) {
  absl::Status error;
  for (int n = 1;; ++n) {
    const absl::Status status = attempt();
    if (status.ok()) return status;
    if (error.ok() || !absl::IsDeadlineExceeded(status)) error = status;
    if (!policy.Retries(status.code()) || n == policy.max_attempts) return error;
    const absl::Time again = SteadyNow() + policy.Backoff(n);
    if (again >= deadline) return error;
    if (stop.WaitUntil(again)) return absl::CancelledError("stopped while waiting to try again");
  }
}

}  // namespace maspo
