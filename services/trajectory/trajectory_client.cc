#include "services/trajectory/trajectory_client.h"

#include <utility>

namespace maspo {

absl::Status TrajectoryClient::Offer(v1::TrajectoryGroup group, absl::Time deadline) {
  v1::SubmitRequest request;
  *request.mutable_group() = std::move(group);
  v1::SubmitResponse response;
  return Unary(*learner_, deadline, *stub_, &v1::TrajectoryService::Stub::Submit, request, response,
               {absl::StatusCode::kResourceExhausted, absl::StatusCode::kDeadlineExceeded});
}

}  // namespace maspo
