#include "services/control/control_client.h"

#include "absl/time/clock.h"
#include "services/base/status_macros.h"

namespace maspo {

absl::StatusOr<v1::RegisterResponse> ControlClient::Register(const v1::RegisterRequest& request) {
  v1::RegisterResponse response;
  MASPO_RETURN_IF_ERROR(Unary(*learner_, absl::Now() + options_.register_timeout, *stub_,
                              &v1::ControlService::Stub::Register, request, response,
                              {absl::StatusCode::kDeadlineExceeded}));
  return response;
}

absl::StatusOr<v1::HeartbeatResponse> ControlClient::Heartbeat(const v1::HeartbeatRequest& request) {
  v1::HeartbeatResponse response;
  MASPO_RETURN_IF_ERROR(learner_->CallOnce(absl::InfiniteFuture(), [&](grpc::ClientContext& context) {
    return stub_->Heartbeat(&context, request, &response);
  }));
  return response;
}

absl::StatusOr<v1::RunStatus> ControlClient::GetStatus() {
  v1::RunStatus response;
  MASPO_RETURN_IF_ERROR(learner_->CallOnce(absl::InfiniteFuture(), [&](grpc::ClientContext& context) {
    return stub_->GetStatus(&context, v1::StatusRequest(), &response);
  }));
  return response;
}

}  // namespace maspo
