#include "services/control/control_service.h"

#include <utility>

#include "services/base/status_macros.h"
#include "services/rpc/long_poll.h"

namespace maspo {

grpc::Status ControlService::Register(grpc::ServerContext*, const v1::RegisterRequest* request,
                                      v1::RegisterResponse* response) {
  return calls_.Answer("Register", [&] {
    MASPO_ASSIGN_OR_RETURN(*response, membership_->Register(*request));
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* ControlService::Heartbeat(grpc::CallbackServerContext* context,
                                                    const v1::HeartbeatRequest* request,
                                                    v1::HeartbeatResponse* response) {
  using Response = v1::HeartbeatResponse;
  return LongPollCall<Response>::Start(
      context, &calls_, "Heartbeat",
      {.park = [=, this](Answer<Response> answer) { return membership_->Park(*request, std::move(answer)); },
       .withdraw = [this](Ticket ticket) { return membership_->Withdraw(ticket); },
       .respond = [response](Response answer) { *response = std::move(answer); },
       .longest = HoldOf(*request)});
}

grpc::Status ControlService::GetStatus(grpc::ServerContext*, const v1::StatusRequest*, v1::RunStatus* response) {
  return calls_.Answer("GetStatus", [&] {
    MASPO_ASSIGN_OR_RETURN(*response, membership_->GetStatus());
    return absl::OkStatus();
  });
}

}  // namespace maspo
