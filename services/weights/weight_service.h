#pragma once

#include "proto/weights.grpc.pb.h"
#include "services/base/metrics.h"
#include "services/runtime/served_calls.h"
#include "services/weights/weight_channel.h"

namespace maspo {

// The gRPC end of a WeightChannel. A worker whose call is gone is no longer parked within a fraction of a second.
//
// Thread-safe, one handler thread a call.
class WeightService final : public v1::WeightService::Service {
 public:
  // `weights` and `metrics` outlive the service.
  WeightService(WeightChannel* weights, Metrics& metrics) : weights_(weights), calls_(metrics) {}

  grpc::Status Join(grpc::ServerContext* context, const v1::JoinRequest* request, v1::JoinResponse* response) override;
  grpc::Status Acknowledge(grpc::ServerContext* context, const v1::AcknowledgeRequest* request,
                           v1::AcknowledgeResponse* response) override;

 private:
  absl::Status Park(const grpc::ServerContext& context, const v1::JoinRequest& request, v1::JoinResponse& response);

  WeightChannel* const weights_;
  ServedCalls calls_;
};

}  // namespace maspo
