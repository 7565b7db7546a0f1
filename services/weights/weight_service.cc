#include "services/weights/weight_service.h"

#include <utility>

#include "services/rpc/long_poll.h"

namespace maspo {

grpc::ServerUnaryReactor* WeightService::Join(grpc::CallbackServerContext* context, const v1::JoinRequest* request,
                                              v1::JoinResponse* response) {
  using MaybePlan = ParkingWeightChannel::MaybePlan;
  return LongPollCall<MaybePlan>::Start(context, &calls_, "Join",
                                        {.park =
                                             [=, this](Answer<MaybePlan> answer) {
                                               return weights_->Park(request->worker_id(), request->served_version(),
                                                                     std::move(answer));
                                             },
                                         .withdraw = [this](Ticket ticket) { return weights_->Withdraw(ticket); },
                                         .respond =
                                             [response](MaybePlan plan) {
                                               if (plan) *response->mutable_plan() = *std::move(plan);
                                             }});
}

grpc::Status WeightService::Acknowledge(grpc::ServerContext*, const v1::AcknowledgeRequest* request,
                                        v1::AcknowledgeResponse*) {
  return calls_.Answer("Acknowledge", [&] { return weights_->Acknowledge(*request); });
}

}  // namespace maspo
