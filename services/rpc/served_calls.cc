#include "services/rpc/served_calls.h"

#include "services/base/steady_clock.h"
#include "services/rpc/grpc_status.h"

namespace maspo {

grpc::Status ServedCalls::Answer(const std::string& method, absl::FunctionRef<absl::Status()> work) {
  const absl::Time start = SteadyNow();
  return Count(method, start, work());
}

grpc::Status ServedCalls::Count(const std::string& method, absl::Time start, const absl::Status& status) {
  metrics_
      .AddHistogram("maspo_rpc_seconds", "Seconds from a call's arrival to its answer", GeometricBounds(1e-3, 4, 9),
                    {{"method", method}})
      .Observe(absl::ToDoubleSeconds(SteadyNow() - start));
  metrics_
      .AddCounter("maspo_rpc_calls_total", "Calls answered, by method and status code",
                  {{"method", method}, {"code", absl::StatusCodeToString(status.code())}})
      .Increment();
  return ToGrpc(status);
}

}  // namespace maspo
