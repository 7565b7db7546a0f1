#pragma once

#include "proto/control.grpc.pb.h"
#include "services/base/metrics.h"
#include "services/control/parking_membership.h"
#include "services/rpc/served_calls.h"

namespace maspo {

// The gRPC end of a ParkingMembership.
//
// Thread-safe. Heartbeat() parks its call, the others have a handler thread.
class ControlService final : public v1::ControlService::WithCallbackMethod_Heartbeat<v1::ControlService::Service> {
 public:
  // `membership` and `metrics` outlive the service.
  ControlService(ParkingMembership* membership, Metrics& metrics) : membership_(membership), calls_(metrics) {}

  grpc::Status Register(grpc::ServerContext* context, const v1::RegisterRequest* request,
                        v1::RegisterResponse* response) override;
  grpc::ServerUnaryReactor* Heartbeat(grpc::CallbackServerContext* context, const v1::HeartbeatRequest* request,
                                      v1::HeartbeatResponse* response) override;
  grpc::Status GetStatus(grpc::ServerContext* context, const v1::StatusRequest* request,
                         v1::RunStatus* response) override;

 private:
  ParkingMembership* const membership_;
  ServedCalls calls_;
};

}  // namespace maspo
