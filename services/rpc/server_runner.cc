#include "services/rpc/server_runner.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/server_builder.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "services/base/status_macros.h"
#include "services/config/network_policy.h"
#include "services/rpc/credentials.h"
#include "services/rpc/grpc_log.h"

namespace maspo {
namespace {

// Process-wide switches of gRPC, set before the first server is built.
void EnableHealthAndReflection() {
  static const bool enabled = [] {
    grpc::EnableDefaultHealthCheckService(true);
    grpc::reflection::InitProtoReflectionServerBuilderPlugin();
    return true;
  }();
  static_cast<void>(enabled);
}

void SetLimits(const v1::NetworkSection& network, grpc::ServerBuilder& builder) {
  const int max_bytes = static_cast<int>(network.max_message_mib() << 20);
  builder.SetMaxReceiveMessageSize(max_bytes);
  builder.SetMaxSendMessageSize(max_bytes);
  // Otherwise a second server on the same port would start and silently share its calls.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  // A worker that vanished without closing its connection is noticed, and its long polls end, within half a minute.
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 20'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10'000);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 5'000);
}

}  // namespace

absl::StatusOr<std::unique_ptr<ServerRunner>> ServerRunner::Start(const Options& options,
                                                                  const std::vector<grpc::Service*>& services) {
  MASPO_RETURN_IF_ERROR(CheckEndpoint(options.key, options.address, options.network));
  MASPO_ASSIGN_OR_RETURN(Address address, ParseAddress(options.address));
  MASPO_ASSIGN_OR_RETURN(const auto credentials, MakeServerCredentials(options.network));
  RouteGrpcLog();
  EnableHealthAndReflection();
  grpc::ServerBuilder builder;
  SetLimits(options.network, builder);
  if (options.max_connection_age < absl::InfiniteDuration()) {
    builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_MS,
                               static_cast<int>(absl::ToInt64Milliseconds(options.max_connection_age)));
  }
  int bound_port = 0;
  builder.AddListeningPort(options.address, credentials, &bound_port);
  for (grpc::Service* service : services) builder.RegisterService(service);
  std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr || bound_port == 0) {
    return absl::UnavailableError(absl::StrCat("cannot listen at ", options.address, " (", options.key,
                                               "): ", WhyCannotBind(address), "; choose another port, or 0 for any"));
  }
  address.port = bound_port;
  return std::unique_ptr<ServerRunner>(new ServerRunner(std::move(address), std::move(server)));
}

ServerRunner::~ServerRunner() { Shutdown(absl::ZeroDuration()); }

void ServerRunner::Shutdown(absl::Duration grace) {
  if (server_ == nullptr) return;
  server_->GetHealthCheckService()->Shutdown();
  server_->Shutdown(absl::ToChronoTime(absl::Now() + grace));
  server_->Wait();
  server_.reset();
}

}  // namespace maspo
