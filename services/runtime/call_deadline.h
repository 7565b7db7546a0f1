#pragma once

#include <grpcpp/server_context.h>

#include <algorithm>

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace maspo {

// When a handler must have its answer: so much before the caller gives up that the answer still arrives, and after a
// minute for a caller that would wait for ever.
absl::Time AnswerBy(const grpc::ServerContext& context);

// Waits for a long poll in slices, so that a call whose caller is gone (died, cancelled, server shutting down) frees
// its thread within a slice and is given nothing. `wait(deadline)` blocks until then at most and returns a StatusOr of
// something; `is_empty(value)` tells that it got nothing yet.
template <typename Wait, typename IsEmpty>
auto WaitWhileCallerListens(const grpc::ServerContext& context, Wait wait, IsEmpty is_empty)
    -> decltype(wait(absl::Time())) {
  constexpr absl::Duration kSlice = absl::Milliseconds(200);
  const absl::Time answer_by = AnswerBy(context);
  while (true) {
    const absl::Time now = absl::Now();
    auto result = wait(std::min(answer_by, now + kSlice));
    if (!result.ok() || !is_empty(*result)) return result;
    if (context.IsCancelled() || absl::Now() >= answer_by) return result;
  }
}

}  // namespace maspo
