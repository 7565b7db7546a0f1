#include "services/rpc/call_deadline.h"

#include <algorithm>

#include "services/base/steady_clock.h"

namespace maspo {

absl::Time AnswerBy(std::chrono::system_clock::time_point call_deadline) {
  const absl::Duration until_deadline = absl::FromChrono(call_deadline - std::chrono::system_clock::now());
  const absl::Duration left = std::min(until_deadline, absl::Minutes(1));
  return SteadyNow() + left - std::min(left / 10, absl::Milliseconds(250));
}

}  // namespace maspo
