#pragma once

#include <memory>

#include "absl/time/time.h"
#include "proto/control.grpc.pb.h"
#include "services/control/membership.h"
#include "services/rpc/rpc_channel.h"

namespace maspo {

// The Membership of workers and of the CLI. Register() waits for a learner that starts later, up to register_timeout.
// Heartbeat() and GetStatus() are single attempts, because their callers repeat them anyway: Unavailable or
// DeadlineExceeded when the learner does not answer. A heartbeat is held no longer than half of network.call_timeout,
// and the last one of a worker that leaves is given a second. Cancelled after the channel was closed.
//
// Thread-safe.
class ControlClient final : public Membership {
 public:
  struct Options {
    absl::Duration register_timeout = absl::Minutes(10);
  };
  // `learner` outlives the client.
  ControlClient(RpcChannel* learner, const Options& options)
      : learner_(learner), options_(options), stub_(v1::ControlService::NewStub(learner->channel())) {}

  absl::StatusOr<v1::RegisterResponse> Register(const v1::RegisterRequest& request) override;
  absl::StatusOr<v1::HeartbeatResponse> Heartbeat(const v1::HeartbeatRequest& request) override;
  absl::StatusOr<v1::RunStatus> GetStatus() override;

 private:
  RpcChannel* const learner_;
  const Options options_;
  const std::unique_ptr<v1::ControlService::Stub> stub_;
};

}  // namespace maspo
