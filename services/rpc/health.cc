#include "services/rpc/health.h"

#include <netdb.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "proto/health.grpc.pb.h"
#include "services/base/address.h"
#include "services/base/status_macros.h"
#include "services/base/steady_clock.h"
#include "services/rpc/rpc_channel.h"

namespace maspo {
namespace {

absl::Status CheckGrpc(const std::string& target, const v1::NetworkSection& network, absl::Duration timeout) {
  MASPO_ASSIGN_OR_RETURN(
      const auto channel,
      RpcChannel::Create({.peer = "the server", .key = "the target", .endpoint = target, .network = network}));
  const auto stub = grpc::health::v1::Health::NewStub(channel->channel());
  grpc::health::v1::HealthCheckResponse response;
  MASPO_RETURN_IF_ERROR(channel->CallOnce(SteadyNow() + timeout, [&](grpc::ClientContext& context) {
    return stub->Check(&context, grpc::health::v1::HealthCheckRequest(), &response);
  }));
  if (response.status() == grpc::health::v1::HealthCheckResponse::SERVING) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat(target, " answers, but is not serving"));
}

// A socket that is connected to the address, or -1. Reading and writing give up after `timeout`.
int Connect(const Address& address, absl::Duration timeout) {
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(address.host.c_str(), absl::StrCat(address.port).c_str(), &hints, &found) != 0) return -1;
  const int fd = socket(found->ai_family, found->ai_socktype | SOCK_CLOEXEC, 0);
  const timeval limit = absl::ToTimeval(timeout);
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  const bool connected = connect(fd, found->ai_addr, found->ai_addrlen) == 0;
  freeaddrinfo(found);
  if (connected) return fd;
  close(fd);
  return -1;
}

absl::Status CheckHttp(const std::string& target, absl::Duration timeout) {
  const std::string rest(absl::StripPrefix(target, "http://"));
  const size_t slash = rest.find('/');
  MASPO_ASSIGN_OR_RETURN(const Address address, ParseAddress(rest.substr(0, slash)));
  const std::string path = slash == rest.npos ? "/" : rest.substr(slash);
  const int fd = Connect(address, timeout);
  if (fd < 0) return absl::UnavailableError(absl::StrCat(target, " does not answer"));
  const std::string request = absl::StrCat("GET ", path, " HTTP/1.0\r\nHost: ", address.ToString(), "\r\n\r\n");
  char line[16] = {};
  const bool answered = write(fd, request.data(), request.size()) == static_cast<ssize_t>(request.size()) &&
                        recv(fd, line, sizeof line - 1, MSG_WAITALL) > 0;
  close(fd);
  if (answered && absl::StrContains(line, " 200")) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat(target, answered ? " answers with an error: " : " does not answer", line));
}

}  // namespace

absl::Status CheckHealth(const std::string& target, const v1::NetworkSection& network, absl::Duration timeout) {
  return absl::StartsWith(target, "http://") ? CheckHttp(target, timeout) : CheckGrpc(target, network, timeout);
}

}  // namespace maspo
