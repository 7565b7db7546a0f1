#include "services/rpc/rpc_channel.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/support/channel_arguments.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <random>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "services/base/descriptor_limit.h"
#include "services/base/status_macros.h"
#include "services/base/steady_clock.h"
#include "services/config/network_policy.h"
#include "services/rpc/credentials.h"
#include "services/rpc/grpc_log.h"
#include "services/rpc/grpc_status.h"

namespace maspo {
namespace {

// Between two attempts, of a connection and of a call. A server that comes back is found within twice that. Not much
// shorter: a call is also tried again this often at a server that is there but cannot do it now.
constexpr absl::Duration kMaxBackoff = absl::Milliseconds(500);

grpc::ChannelArguments ArgumentsOf(const RpcChannel::Options& options) {
  const v1::NetworkSection& network = options.network;
  grpc::ChannelArguments arguments;
  const int max_bytes = static_cast<int>(network.max_message_mib() << 20);
  arguments.SetMaxReceiveMessageSize(max_bytes);
  arguments.SetMaxSendMessageSize(max_bytes);
  // A server that vanished without closing the connection is noticed within a quarter of a minute.
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 10'000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 5'000);
  // gRPC's own default grows to two minutes. The minimum is what a connection may take.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 1'000);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, static_cast<int>(kMaxBackoff / absl::Milliseconds(1)));
  // A server that was started again elsewhere is looked up again; gRPC by itself asks at most twice a minute. Not more
  // often: while it asks, calls wait that should fail at once.
  arguments.SetInt(GRPC_ARG_DNS_MIN_TIME_BETWEEN_RESOLUTIONS_MS, 5'000);
  arguments.SetInt(GRPC_ARG_SERVICE_CONFIG_DISABLE_RESOLUTION, 1);  // By DNS; asking takes seconds.
  if (options.in_turn) arguments.SetLoadBalancingPolicyName("round_robin");
  // Roles talk to each other directly, whatever http_proxy says.
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  return arguments;
}

// Whether a failed call's status is the peer's own word, and not gRPC's, which found nobody.
bool WasSaidByPeer(const grpc::ClientContext& context) {
  return absl::StrContains(context.debug_error_string(), "Error received from peer");
}

RetryPolicy UntilThePeerIsBack() {
  RetryPolicy policy;
  policy.max_backoff = kMaxBackoff;
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
  context.set_deadline(ToSystemChrono(std::min(deadline, SteadyNow() + call_timeout_)));
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
  // Nobody at this end cancelled the call: a server that stops did so to what it had not begun.
  if (absl::IsCancelled(status)) return NoteAway(absl::UnavailableError("the call was cut off by its server's end"));
  if (absl::IsUnavailable(status) && !WasSaidByPeer(context)) return NoteAway(NameDescriptorLimit(status));
  if (!absl::IsDeadlineExceeded(status)) NoteAnswer();  // Which says nothing about whether anybody is there.
  if (absl::IsUnavailable(status)) {
    refusals_.Warn("{} cannot do now what it is asked; trying again ({})", name_, std::string(status.message()));
    return Annotate(status, name_);
  }
  return status;
}

absl::Status RpcChannel::Call(absl::Time deadline, const Codes& also_retry, Attempt attempt) {
  RetryPolicy policy = retry_;
  policy.codes.insert(policy.codes.end(), also_retry.begin(), also_retry.end());
  return CallWithRetry(policy, deadline, closed_, [&] { return CallOnce(deadline, attempt); });
}

absl::Status RpcChannel::NoteAway(const absl::Status& status) {
  if (!away_.exchange(true)) {
    spdlog::warn("{} does not answer; trying again until it does ({})", name_, std::string(status.message()));
  }
  return Annotate(status, absl::StrCat(name_, " does not answer"));
}

void RpcChannel::NoteAnswer() {
  if (away_.exchange(false)) spdlog::info("{} answers again", name_);
}

absl::Status CheckMessageSize(const RpcChannel& channel, uint64_t message_bytes) {
  if (message_bytes <= channel.max_message_bytes()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("a message of ", message_bytes, " bytes to ", channel.name(),
                                                 " exceeds network.max_message_mib, which is ",
                                                 channel.max_message_bytes() >> 20));
}

}  // namespace maspo
