#include "services/weights/weight_service.h"

#include <optional>
#include <utility>

#include "services/base/status_macros.h"
#include "services/runtime/call_deadline.h"

namespace maspo {

grpc::Status WeightService::Join(grpc::ServerContext* context, const v1::JoinRequest* request,
                                 v1::JoinResponse* response) {
  return calls_.Answer("Join", [&] { return Park(*context, *request, *response); });
}

grpc::Status WeightService::Acknowledge(grpc::ServerContext*, const v1::AcknowledgeRequest* request,
                                        v1::AcknowledgeResponse*) {
  return calls_.Answer("Acknowledge", [&] { return weights_->Acknowledge(*request); });
}

absl::Status WeightService::Park(const grpc::ServerContext& context, const v1::JoinRequest& request,
                                 v1::JoinResponse& response) {
  MASPO_ASSIGN_OR_RETURN(
      std::optional<v1::BroadcastPlan> plan,
      WaitWhileCallerListens(
          context,
          [&](absl::Time deadline) { return weights_->Join(request.worker_id(), request.served_version(), deadline); },
          [](const std::optional<v1::BroadcastPlan>& granted) { return !granted.has_value(); }));
  if (plan) *response.mutable_plan() = *std::move(plan);
  return absl::OkStatus();
}

}  // namespace maspo
