#pragma once

#include "proto/control.grpc.pb.h"
#include "services/base/metrics.h"
#include "services/control/membership.h"
#include "services/runtime/served_calls.h"

namespace maspo {

// The gRPC end of a Membership.
//
// Thread-safe, one handler thread a call.
class ControlService final : public v1::ControlService::Service {
 public:
  // `membership` and `metrics` outlive the service.
  ControlService(Membership* membership, Metrics& metrics) : membership_(membership), calls_(metrics) {}

  grpc::Status Register(grpc::ServerContext* context, const v1::RegisterRequest* request,
                        v1::RegisterResponse* response) override;
  grpc::Status Heartbeat(grpc::ServerContext* context, const v1::HeartbeatRequest* request,
                         v1::HeartbeatResponse* response) override;
  grpc::Status GetStatus(grpc::ServerContext* context, const v1::StatusRequest* request,
                         v1::RunStatus* response) override;

 private:
  Membership* const membership_;
  ServedCalls calls_;
};

}  // namespace maspo
