#include "services/control/control_service.h"

#include "services/base/status_macros.h"

namespace maspo {

grpc::Status ControlService::Register(grpc::ServerContext*, const v1::RegisterRequest* request,
                                      v1::RegisterResponse* response) {
  return calls_.Answer("Register", [&] {
    MASPO_ASSIGN_OR_RETURN(*response, membership_->Register(*request));
    return absl::OkStatus();
  });
}

grpc::Status ControlService::Heartbeat(grpc::ServerContext*, const v1::HeartbeatRequest* request,
                                       v1::HeartbeatResponse* response) {
  return calls_.Answer("Heartbeat", [&] {
    MASPO_ASSIGN_OR_RETURN(*response, membership_->Heartbeat(*request));
    return absl::OkStatus();
  });
}

grpc::Status ControlService::GetStatus(grpc::ServerContext*, const v1::StatusRequest*, v1::RunStatus* response) {
  return calls_.Answer("GetStatus", [&] {
    MASPO_ASSIGN_OR_RETURN(*response, membership_->GetStatus());
    return absl::OkStatus();
  });
}

}  // namespace maspo
