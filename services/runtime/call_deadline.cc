#include "services/runtime/call_deadline.h"

namespace maspo {

absl::Time AnswerBy(const grpc::ServerContext& context) {
  const absl::Time now = absl::Now();
  const absl::Time deadline = absl::FromChrono(context.deadline());
  const absl::Duration left = std::min(deadline - now, absl::Minutes(1));
  return now + left - std::min(left / 10, absl::Milliseconds(250));
}

}  // namespace maspo
