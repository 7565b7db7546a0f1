#pragma once

#include <string>

#include "absl/status/status.h"
#include "proto/run_config.pb.h"

namespace maspo {

// Nothing leaves this machine in the clear unless the configuration says so, and the token never does. InvalidArgument:
// `endpoint` is not host:port, or plaintext is not allowed there; the message begins with `key`, the configuration key
// (or the flag) that named the endpoint. Asked when a configuration is validated and again by every server and channel.
absl::Status CheckEndpoint(const std::string& key, const std::string& endpoint, const v1::NetworkSection& network);

}  // namespace maspo
