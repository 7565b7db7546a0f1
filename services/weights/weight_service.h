#pragma once

#include "proto/weights.grpc.pb.h"
#include "services/base/metrics.h"
#include "services/rpc/served_calls.h"
#include "services/weights/parking_weight_channel.h"

namespace maspo {

// The gRPC end of a ParkingWeightChannel. A worker whose call is gone is not parked any more.
//
// Thread-safe. Join() parks its call, Acknowledge() has a handler thread.
class WeightService final : public v1::WeightService::WithCallbackMethod_Join<v1::WeightService::Service> {
 public:
  // `weights` and `metrics` outlive the service.
  WeightService(ParkingWeightChannel* weights, Metrics& metrics) : weights_(weights), calls_(metrics) {}

  grpc::ServerUnaryReactor* Join(grpc::CallbackServerContext* context, const v1::JoinRequest* request,
                                 v1::JoinResponse* response) override;
  grpc::Status Acknowledge(grpc::ServerContext* context, const v1::AcknowledgeRequest* request,
                           v1::AcknowledgeResponse* response) override;

 private:
  ParkingWeightChannel* const weights_;
  ServedCalls calls_;
};

}  // namespace maspo
