#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "proto/weights.pb.h"

namespace maspo {

// The control side of the weight plane (the tensors go over a collective). Two ends: BroadcastEpochs in the learner,
// WeightClient in the worker.
//
// Thread-safe.
class WeightChannel {
 public:
  virtual ~WeightChannel() = default;

  // Parks the worker until a version newer than served_version is broadcast to it; nullopt at the deadline.
  // NotFound: unknown worker_id. Unavailable: the learner stops.
  virtual absl::StatusOr<std::optional<v1::BroadcastPlan>> Join(const std::string& worker_id, int64_t served_version,
                                                                absl::Time deadline) = 0;

  // Reports what became of a plan. FailedPrecondition: wrong digest, the worker must not serve these weights.
  virtual absl::Status Acknowledge(const v1::AcknowledgeRequest& acknowledgement) = 0;
};

}  // namespace maspo
