#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proto/prompt.pb.h"
#include "proto/trajectory.pb.h"

namespace maspo {

// What the trajectory buffer asks about groups that were issued; LeaseQueue knows the answers.
//
// Thread-safe. An implementation never calls back into the buffer, which calls this under its own lock.
class GroupRegistry {
 public:
  virtual ~GroupRegistry() = default;

  // The group as it was issued to `worker_id`. AlreadyExists: accepted or trained before. FailedPrecondition: dropped.
  // NotFound: never issued to this worker by this learner process.
  virtual absl::StatusOr<v1::PromptGroup> Find(const std::string& worker_id, const std::string& group_id) const = 0;

  // The group's result is in: ends its lease, wherever it is, and writes generated, scored and admitted to the ledger.
  // Same errors as Find; Unavailable: the ledger cannot be written, nothing changed.
  virtual absl::Status Accept(const v1::TrajectoryGroup& group) = 0;

  // The result that `worker_id` brought is of no use (`reason`, one word): its lease ends, if it still holds one, and
  // the group is issued again, or dropped after too many attempts.
  virtual absl::Status EndLease(const std::string& worker_id, const std::string& group_id,
                                const std::string& reason) = 0;

  // The same for a group that was accepted and not taken since: it is to be leased once more.
  virtual absl::Status Reopen(const std::string& group_id, const std::string& reason) = 0;
};

}  // namespace maspo
