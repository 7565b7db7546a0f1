#include "services/runtime/rpc_channel.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/support/channel_arguments.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <random>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "services/base/status_macros.h"
#include "services/runtime/credentials.h"
#include "services/runtime/grpc_log.h"
#include "services/runtime/grpc_status.h"
#include "services/runtime/network_policy.h"

namespace maspo {
namespace {

grpc::ChannelArguments ArgumentsOf(const RpcChannel::Options& options) {
  const v1::NetworkSection& network = options.network;
  grpc::ChannelArguments arguments;
  const int max_bytes = static_cast<int>(network.max_message_mib() << 20);
  arguments.SetMaxReceiveMessageSize(max_bytes);
  arguments.SetMaxSendMessageSize(max_bytes);
  // A server that vanished without closing the connection is noticed within a quarter of a minute.
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 10'000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 5'000);
  // A server that comes back is found within a second; gRPC's own default grows to two minutes.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 1'000);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1'000);
  // A server that was started again elsewhere is looked up again; gRPC by itself asks at most twice a minute. Not more
  // often: while it asks, calls wait that should fail at once.
  arguments.SetInt(GRPC_ARG_DNS_MIN_TIME_BETWEEN_RESOLUTIONS_MS, 5'000);
  arguments.SetInt(GRPC_ARG_SERVICE_CONFIG_DISABLE_RESOLUTION, 1);  // By DNS; asking takes seconds.
  if (options.in_turn) arguments.SetLoadBalancingPolicyName("round_robin");
  // Roles talk to each other directly, whatever http_proxy says.
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  return arguments;
}

RetryPolicy UntilThePeerIsBack() {
  RetryPolicy policy;
  policy.max_backoff = absl::Seconds(1);
  policy.seed = std::random_device()();
  return policy;
}

}  // namespace

absl::StatusOr<std::unique_ptr<RpcChannel>> RpcChannel::Create(const Options& options) {
  MASPO_RETURN_IF_ERROR(CheckEndpoint(options.key, options.endpoint, options.network));
  MASPO_ASSIGN_OR_RETURN(const auto credentials, MakeChannelCredentials(options.network));
  MASPO_ASSIGN_OR_RETURN(std::string authorization, ReadAuthorization(options.network));
  RouteGrpcLog();
  auto channel = grpc::CreateCustomChannel(options.endpoint, credentials, ArgumentsOf(options));
  return std::unique_ptr<RpcChannel>(new RpcChannel(options, std::move(channel), std::move(authorization)));
}

RpcChannel::RpcChannel(const Options& options, std::shared_ptr<grpc::Channel> channel, std::string authorization)
    : name_(absl::StrCat(options.peer, " at ", options.endpoint)),
      call_timeout_(absl::Seconds(options.network.call_timeout_seconds())),
      max_message_bytes_(uint64_t{options.network.max_message_mib()} << 20),
      authorization_(std::move(authorization)),
      channel_(std::move(channel)),
      retry_(UntilThePeerIsBack()) {}

void RpcChannel::Close() {
  closed_.RequestStop();
  absl::MutexLock lock(&mutex_);
  for (grpc::ClientContext* context : in_flight_) context->TryCancel();
}

absl::Status RpcChannel::CallOnce(absl::Time deadline, Attempt attempt) {
  const auto cancelled = absl::CancelledError(absl::StrCat("the connection to ", name_, " was closed"));
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(std::min(deadline, absl::Now() + call_timeout_)));
  if (!authorization_.empty()) context.AddMetadata(kAuthorizationKey, authorization_);
  {
    absl::MutexLock lock(&mutex_);
    if (closed_.stop_requested()) return cancelled;
    in_flight_.insert(&context);
  }
  const absl::Status status = FromGrpc(attempt(context));
  {
    absl::MutexLock lock(&mutex_);
    in_flight_.erase(&context);
  }
  if (closed_.stop_requested() && !status.ok()) return cancelled;
  NoteOutcome(status);
  return status.code() == absl::StatusCode::kUnavailable ? Annotate(status, absl::StrCat(name_, " does not answer"))
                                                         : status;
}

absl::Status RpcChannel::Call(absl::Time deadline, const Codes& also_retry, Attempt attempt) {
  RetryPolicy policy = retry_;
  policy.codes.insert(policy.codes.end(), also_retry.begin(), also_retry.end());
  return CallWithRetry(policy, deadline, closed_, [&] { return CallOnce(deadline, attempt); });
}

void RpcChannel::NoteOutcome(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
      if (!away_.exchange(true)) {
        spdlog::warn("{} does not answer; trying again until it does ({})", name_, std::string(status.message()));
      }
      break;
    case absl::StatusCode::kDeadlineExceeded:  // Says nothing about whether anybody is there.
    case absl::StatusCode::kCancelled:
      break;
    default:
      if (away_.exchange(false)) spdlog::info("{} answers again", name_);
  }
}

absl::Status CheckMessageSize(const RpcChannel& channel, uint64_t message_bytes) {
  if (message_bytes <= channel.max_message_bytes()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("a message of ", message_bytes, " bytes to ", channel.name(),
                                                 " exceeds network.max_message_mib, which is ",
                                                 channel.max_message_bytes() >> 20));
}

}  // namespace maspo
