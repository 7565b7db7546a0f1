#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "proto/prompt.pb.h"

namespace maspo {

// Where a rollout worker gets its work. Two ends: PromptLeaser in the learner, PromptClient in the worker.
//
// Thread-safe.
class PromptSource {
 public:
  virtual ~PromptSource() = default;

  // Leases between 1 and max_groups groups; blocks until one is admissible. Returns an empty vector at the deadline.
  // NotFound: unknown worker_id. Cancelled: the run is over. InvalidArgument: max_groups < 1.
  virtual absl::StatusOr<std::vector<v1::Lease>> Acquire(const std::string& worker_id, int max_groups,
                                                         absl::Time deadline) = 0;

  // Gives a lease back. NotFound: the worker does not hold it.
  virtual absl::Status Release(const std::string& worker_id, const std::string& group_id, const std::string& reason,
                               const std::string& message) = 0;
};

}  // namespace maspo
