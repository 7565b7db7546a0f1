#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "services/base/stop_signal.h"

namespace maspo {

// Which failures are tried again, and after how long: first_backoff, doubled with each attempt up to max_backoff,
// shortened by a random share of up to `jitter` so that many clients do not come back at the same moment. Pure.
struct RetryPolicy {
  std::vector<absl::StatusCode> codes = {absl::StatusCode::kUnavailable};
  absl::Duration first_backoff = absl::Milliseconds(100);
  absl::Duration max_backoff = absl::Seconds(2);
  double jitter = 0.5;  // 0..1.
  uint64_t seed = 0;
  int max_attempts = std::numeric_limits<int>::max();

  bool Retries(absl::StatusCode code) const;
  // The wait after failed attempt number `attempt`, which counts from 1.
  absl::Duration Backoff(int attempt) const;
};

// Calls `attempt` until it succeeds, fails with a code that is not retried or max_attempts times, or the next attempt
// would come after the deadline: then its last error is returned, but that of an earlier attempt if the last one was
// cut off at its deadline, which says less. Cancelled: a stop was requested while waiting between attempts.
absl::Status CallWithRetry(const RetryPolicy& policy, absl::Time deadline, const StopSignal& stop,
                           absl::FunctionRef<absl::Status()> attempt);

}  // namespace maspo
