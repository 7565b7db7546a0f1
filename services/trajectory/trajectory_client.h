#pragma once

#include <memory>

#include "proto/trajectory.grpc.pb.h"
#include "services/rpc/rpc_channel.h"
#include "services/trajectory/trajectory_sink.h"

namespace maspo {

// The worker's TrajectorySink. Offers a group again and again while the learner is full or away, which is safe because
// groups are accepted once by id: AlreadyExists may mean that an earlier try of the same Offer() arrived. At the
// deadline ResourceExhausted, DeadlineExceeded or Unavailable, whichever it was last; the learner's other answers pass
// through. Cancelled after the channel was closed.
//
// Thread-safe.
class TrajectoryClient final : public TrajectorySink {
 public:
  // `learner` outlives the client.
  explicit TrajectoryClient(RpcChannel* learner)
      : learner_(learner), stub_(v1::TrajectoryService::NewStub(learner->channel())) {}

  absl::Status Offer(v1::TrajectoryGroup group, absl::Time deadline) override;

 private:
  RpcChannel* const learner_;
  const std::unique_ptr<v1::TrajectoryService::Stub> stub_;
};

}  // namespace maspo
