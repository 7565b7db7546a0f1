#include "services/weights/weight_client.h"

#include <utility>

#include "services/base/steady_clock.h"

namespace maspo {

absl::StatusOr<std::optional<v1::BroadcastPlan>> WeightClient::Join(const std::string& worker_id,
                                                                    int64_t served_version, absl::Time deadline) {
  v1::JoinRequest request;
  request.set_worker_id(worker_id);
  request.set_served_version(served_version);
  v1::JoinResponse response;
  const absl::Status status = LongPoll(*learner_, deadline, *stub_, &v1::WeightService::Stub::Join, request, response,
                                       [](const v1::JoinResponse& answer) { return !answer.has_plan(); });
  if (!status.ok()) return status;
  if (!response.has_plan()) return std::nullopt;
  return std::move(*response.mutable_plan());
}

absl::Status WeightClient::Acknowledge(const v1::AcknowledgeRequest& acknowledgement) {
  v1::AcknowledgeResponse response;
  return Unary(*learner_, SteadyNow() + learner_->call_timeout(), *stub_, &v1::WeightService::Stub::Acknowledge,
               acknowledgement, response);
}

}  // namespace maspo
