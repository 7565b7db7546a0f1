#include "services/runtime/served_calls.h"

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "services/runtime/grpc_status.h"

namespace maspo {

grpc::Status ServedCalls::Answer(const std::string& method, absl::FunctionRef<absl::Status()> work) {
  const absl::Time start = absl::Now();
  const absl::Status status = work();
  metrics_
      .AddHistogram("maspo_rpc_seconds", "Seconds from a call's arrival to its answer", GeometricBounds(1e-3, 4, 9),
                    {{"method", method}})
      .Observe(absl::ToDoubleSeconds(absl::Now() - start));
  metrics_
      .AddCounter("maspo_rpc_calls_total", "Calls answered, by method and status code",
                  {{"method", method}, {"code", absl::StatusCodeToString(status.code())}})
      .Increment();
  return ToGrpc(status);
}

}  // namespace maspo
