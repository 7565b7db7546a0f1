#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "proto/control.pb.h"

namespace maspo {

// Who takes part in the run and how far it is. Two ends: RunControl in the learner, ControlClient in workers and the
// CLI.
//
// Thread-safe.
class Membership {
 public:
  virtual ~Membership() = default;

  // FailedPrecondition: other contract version or model digest.
  virtual absl::StatusOr<v1::RegisterResponse> Register(const v1::RegisterRequest& request) = 0;

  // Renews the leases it names; the answer may come as late as the request lets it be held, but at once when the run is
  // over: that answer, and nothing else, says so. NotFound: register again.
  virtual absl::StatusOr<v1::HeartbeatResponse> Heartbeat(const v1::HeartbeatRequest& request) = 0;

  virtual absl::StatusOr<v1::RunStatus> GetStatus() = 0;
};

}  // namespace maspo
