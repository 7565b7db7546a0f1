#include "services/base/address.h"

#include <limits.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace maspo {
namespace {

std::string Reason(int error) {
  switch (error) {
    case EADDRINUSE:
      return "the port is in use by another process";
    case EADDRNOTAVAIL:
      return "the address does not belong to this machine";
    case EACCES:
      return "the port needs privileges that this process lacks";
    default:
      return std::strerror(error);
  }
}

// 0, or errno of the first step that failed.
int TryBind(const addrinfo& info) {
  const int fd = socket(info.ai_family, info.ai_socktype | SOCK_CLOEXEC, info.ai_protocol);
  if (fd < 0) return errno;
  const int on = 1;  // As servers do: connections of a dead process that still linger do not count.
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const bool bound = bind(fd, info.ai_addr, info.ai_addrlen) == 0 && listen(fd, 1) == 0;
  const int error = bound ? 0 : errno;
  close(fd);
  return error;
}

}  // namespace

std::string Address::ToString() const {
  return absl::StrContains(host, ':') ? absl::StrCat("[", host, "]:", port) : absl::StrCat(host, ":", port);
}

bool Address::IsLoopback() const { return host == "localhost" || host == "::1" || absl::StartsWith(host, "127."); }

absl::StatusOr<Address> ParseAddress(std::string_view text) {
  const auto malformed = absl::InvalidArgumentError(
      absl::StrCat("\"", std::string(text), "\" is not an address; write host:port, for instance 127.0.0.1:50051"));
  const size_t colon = text.rfind(':');
  if (colon == text.npos || colon == 0) return malformed;
  std::string_view host = text.substr(0, colon);
  if (host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != host.npos) {
    return malformed;  // An IPv6 address without brackets: where does the port begin?
  }
  Address address{.host = std::string(host)};
  const std::string port(text.substr(colon + 1));
  if (host.empty() || !absl::SimpleAtoi(port, &address.port) || address.port < 0 || address.port > 65535) {
    return malformed;
  }
  return address;
}

absl::StatusOr<std::string> HostOrOwn(const std::string& host) {
  if (!host.empty()) return host;
  char name[HOST_NAME_MAX + 1] = {};
  gethostname(name, sizeof name - 1);
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  int error = getaddrinfo(name, nullptr, &hints, &found);
  char numeric[NI_MAXHOST] = {};
  if (error == 0) {
    error = getnameinfo(found->ai_addr, found->ai_addrlen, numeric, sizeof numeric, nullptr, 0, NI_NUMERICHOST);
    freeaddrinfo(found);
  }
  if (error == 0) return std::string(numeric);
  return absl::UnavailableError(
      absl::StrCat("this machine's own name, ", name, ", cannot be resolved: ", gai_strerror(error)));
}

absl::Status CanBind(const Address& address) {
  addrinfo hints = {};
  hints.ai_flags = AI_PASSIVE;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int error = getaddrinfo(address.host.c_str(), absl::StrCat(address.port).c_str(), &hints, &found);
  if (error != 0) {
    return absl::UnavailableError(absl::StrCat("the host name cannot be resolved: ", gai_strerror(error)));
  }
  int bind_error = 0;
  for (const addrinfo* info = found; info != nullptr && bind_error == 0; info = info->ai_next) {
    bind_error = TryBind(*info);
  }
  freeaddrinfo(found);
  return bind_error == 0 ? absl::OkStatus() : absl::UnavailableError(Reason(bind_error));
}

std::string WhyCannotBind(const Address& address) {
  const absl::Status status = CanBind(address);
  return status.ok() ? "it could not be bound a moment ago" : std::string(status.message());
}

}  // namespace maspo
