#pragma once

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "proto/trajectory.pb.h"

namespace maspo {

// Takes finished, scored groups. Two ends: TrajectoryBuffer in the learner, TrajectoryClient in the worker.
//
// Thread-safe.
class TrajectorySink {
 public:
  virtual ~TrajectorySink() = default;

  // Ok: accepted. AlreadyExists: accepted before. FailedPrecondition: too old, dropped. NotFound: never issued by this
  // learner. ResourceExhausted: no room (the client submits again until the deadline). InvalidArgument: malformed.
  // Unavailable: the learner stops, or cannot write its ledger.
  virtual absl::Status Offer(v1::TrajectoryGroup group, absl::Time deadline) = 0;
};

}  // namespace maspo
