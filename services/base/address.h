#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace maspo {

// A TCP endpoint: "127.0.0.1:50051", "learner-0.svc:50051", "[::1]:0".
struct Address {
  std::string host;
  int port = 0;  // 0 = any free port when binding.

  std::string ToString() const;
  bool IsLoopback() const;  // localhost, 127.0.0.0/8 or ::1.
};

// InvalidArgument: not host:port with a port of 0..65535.
absl::StatusOr<Address> ParseAddress(std::string_view text);

// `host`; if it is empty, the numeric address that this machine's own name resolves to: in a container or pod, the one
// that its peers reach it at. Unavailable: the name does not resolve.
absl::StatusOr<std::string> HostOrOwn(const std::string& host);

// Whether a server could bind the address now. Unavailable, for people: "the port is in use by another process".
absl::Status CanBind(const Address& address);

// Why it cannot, for libraries that keep the reason to themselves.
std::string WhyCannotBind(const Address& address);

}  // namespace maspo
