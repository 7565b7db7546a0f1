#pragma once

#include <grpcpp/support/status.h>

#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "services/base/metrics.h"

namespace maspo {

// What every handler does around its one line of work: translate the status, count and time the call.
//
//   maspo_rpc_calls_total{method, code}   maspo_rpc_seconds{method}
//
// Thread-safe.
class ServedCalls {
 public:
  explicit ServedCalls(Metrics& metrics) : metrics_(metrics) {}

  grpc::Status Answer(const std::string& method, absl::FunctionRef<absl::Status()> work);

  // For a handler that answers later: the call came at `start` and is answered now.
  grpc::Status Count(const std::string& method, absl::Time start, const absl::Status& status);

 private:
  Metrics& metrics_;
};

}  // namespace maspo
