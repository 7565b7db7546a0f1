#include "services/trajectory/trajectory_service.h"

#include "services/runtime/call_deadline.h"

namespace maspo {

grpc::Status TrajectoryService::Submit(grpc::ServerContext* context, const v1::SubmitRequest* request,
                                       v1::SubmitResponse*) {
  return calls_.Answer("Submit", [&] { return sink_->Offer(request->group(), AnswerBy(*context)); });
}

}  // namespace maspo
