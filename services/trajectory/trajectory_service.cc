#include "services/trajectory/trajectory_service.h"

#include "absl/time/time.h"

namespace maspo {

grpc::Status TrajectoryService::Submit(grpc::ServerContext*, const v1::SubmitRequest* request, v1::SubmitResponse*) {
  return calls_.Answer("Submit", [&] { return sink_->Offer(request->group(), absl::InfinitePast()); });
}

}  // namespace maspo
