#include "services/prompts/prompt_service.h"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "services/rpc/long_poll.h"

namespace maspo {

grpc::ServerUnaryReactor* PromptService::Lease(grpc::CallbackServerContext* context, const v1::LeaseRequest* request,
                                               v1::LeaseResponse* response) {
  using Leases = std::vector<v1::Lease>;
  const int max_groups = static_cast<int>(std::min<uint32_t>(request->max_groups(), std::numeric_limits<int>::max()));
  return LongPollCall<Leases>::Start(
      context, &calls_, "Lease",
      {.park =
           [=, this](Answer<Leases> answer) {
             return source_->Park(request->worker_id(), max_groups, std::move(answer));
           },
       .withdraw = [this](Ticket ticket) { return source_->Withdraw(ticket); },
       .respond =
           [response](Leases leases) {
             for (v1::Lease& lease : leases) *response->add_leases() = std::move(lease);
           },
       .undelivered =
           [=, this] {
             source_->TakeBackUndelivered(request->worker_id(), {response->leases().begin(), response->leases().end()});
           }});
}

grpc::Status PromptService::Release(grpc::ServerContext*, const v1::ReleaseRequest* request, v1::ReleaseResponse*) {
  return calls_.Answer("Release", [&] { return source_->Release(*request); });
}

}  // namespace maspo
