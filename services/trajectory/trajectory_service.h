#pragma once

#include "proto/trajectory.grpc.pb.h"
#include "services/base/metrics.h"
#include "services/rpc/served_calls.h"
#include "services/trajectory/trajectory_sink.h"

namespace maspo {

// The gRPC end of a TrajectorySink.
//
// Thread-safe, one handler thread a call.
class TrajectoryService final : public v1::TrajectoryService::Service {
 public:
  // `sink` and `metrics` outlive the service.
  TrajectoryService(TrajectorySink* sink, Metrics& metrics) : sink_(sink), calls_(metrics) {}

  grpc::Status Submit(grpc::ServerContext* context, const v1::SubmitRequest* request,
                      v1::SubmitResponse* response) override;

 private:
  TrajectorySink* const sink_;
  ServedCalls calls_;
};

}  // namespace maspo
