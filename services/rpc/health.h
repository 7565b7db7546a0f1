#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "proto/run_config.pb.h"

namespace maspo {

// Whether a process is well, asked from outside:
//
//   HOST:PORT                 gRPC health check, with the credentials and the token of `network`
//   http://HOST:PORT/PATH     a page that is answered with 200
//
// Unavailable: one sentence that says what is wrong. InvalidArgument: `target` is neither.
absl::Status CheckHealth(const std::string& target, const v1::NetworkSection& network, absl::Duration timeout);

}  // namespace maspo
