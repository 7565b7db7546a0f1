#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "proto/prompt.pb.h"

namespace maspo {

inline v1::ReleaseRequest ReleaseOf(const std::string& worker_id, const std::string& group_id,
                                    const std::string& reason = "", const std::string& message = "") {
  v1::ReleaseRequest release;
  release.set_worker_id(worker_id);
  release.set_group_id(group_id);
  release.set_reason(reason);
  release.set_message(message);
  return release;
}

// Where a rollout worker gets its work. Two ends: LeaseQueue in the learner, PromptClient in the worker.
//
// Thread-safe.
class PromptSource {
 public:
  virtual ~PromptSource() = default;

  // Leases between 1 and max_groups groups; blocks until one is admissible. Returns an empty vector at the deadline.
  // NotFound: unknown worker_id. Unavailable: the learner stops. InvalidArgument: max_groups < 1.
  virtual absl::StatusOr<std::vector<v1::Lease>> Acquire(const std::string& worker_id, int max_groups,
                                                         absl::Time deadline) = 0;

  // Gives a lease back. NotFound: the worker does not hold it.
  virtual absl::Status Release(const v1::ReleaseRequest& release) = 0;
};

}  // namespace maspo
