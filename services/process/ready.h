#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/base/stop_signal.h"

namespace maspo {

// What a role process says once it serves, on the descriptor given by --ready-fd N: one line of JSON, for instance
//
//   {"endpoint": "127.0.0.1:40123", "metrics": "127.0.0.1:40124"}
struct ReadyReport {
  std::string endpoint;  // host:port of its gRPC server; empty for a role that serves none.
  std::string metrics;   // host:port of its Prometheus endpoint.
};

// The child's side. Closes the descriptor, which also tells that nothing more will come. Unavailable: it cannot be
// written.
absl::Status NotifyReady(int fd, const ReadyReport& report);

// The parent's side, on the read end of the pipe whose write end only the child holds. Leaves `fd` open.
// Unavailable: the child ended before it was ready. DeadlineExceeded: it is not ready yet. Cancelled: a stop was
// requested. InvalidArgument: it wrote something else.
absl::StatusOr<ReadyReport> ReadReady(int fd, absl::Time deadline, const StopSignal& stop);

}  // namespace maspo
