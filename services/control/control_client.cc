#include "services/control/control_client.h"

#include <google/protobuf/util/time_util.h>

#include "services/base/status_macros.h"
#include "services/base/steady_clock.h"

namespace maspo {
namespace {

constexpr absl::Duration kFarewell = absl::Seconds(1);

}  // namespace

absl::StatusOr<v1::RegisterResponse> ControlClient::Register(const v1::RegisterRequest& request) {
  v1::RegisterResponse response;
  MASPO_RETURN_IF_ERROR(Unary(*learner_, SteadyNow() + options_.register_timeout, *stub_,
                              &v1::ControlService::Stub::Register, request, response,
                              {absl::StatusCode::kDeadlineExceeded}));
  return response;
}

absl::StatusOr<v1::HeartbeatResponse> ControlClient::Heartbeat(const v1::HeartbeatRequest& request) {
  v1::HeartbeatRequest bounded = request;
  const auto longest =
      google::protobuf::util::TimeUtil::MillisecondsToDuration(absl::ToInt64Milliseconds(learner_->call_timeout() / 2));
  if (bounded.hold() > longest) *bounded.mutable_hold() = longest;
  // Who leaves does not wait for a learner that is slow to answer.
  const absl::Time deadline = request.leaving() ? SteadyNow() + kFarewell : absl::InfiniteFuture();
  v1::HeartbeatResponse response;
  MASPO_RETURN_IF_ERROR(learner_->CallOnce(
      deadline, [&](grpc::ClientContext& context) { return stub_->Heartbeat(&context, bounded, &response); }));
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
