#pragma once

#include <chrono>

#include "absl/time/time.h"

namespace maspo {

// When a handler must have its answer, for a call with this deadline of gRPC's: so much before the caller gives up that
// the answer still arrives, and after a minute for a caller that would wait for ever.
absl::Time AnswerBy(std::chrono::system_clock::time_point call_deadline);

}  // namespace maspo
