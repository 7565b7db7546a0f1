#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "proto/weights.grpc.pb.h"
#include "services/rpc/rpc_channel.h"
#include "services/weights/weight_channel.h"

namespace maspo {

// The worker's WeightChannel. A learner that does not answer looks like one without newer weights: Join() tries on and
// returns nothing at its deadline; the channel logs the outage. Acknowledge() is tried for one call timeout, then
// Unavailable. Cancelled after the channel was closed.
//
// Thread-safe.
class WeightClient final : public WeightChannel {
 public:
  // `learner` outlives the client.
  explicit WeightClient(RpcChannel* learner)
      : learner_(learner), stub_(v1::WeightService::NewStub(learner->channel())) {}

  absl::StatusOr<std::optional<v1::BroadcastPlan>> Join(const std::string& worker_id, int64_t served_version,
                                                        absl::Time deadline) override;
  absl::Status Acknowledge(const v1::AcknowledgeRequest& acknowledgement) override;

 private:
  RpcChannel* const learner_;
  const std::unique_ptr<v1::WeightService::Stub> stub_;
};

}  // namespace maspo
