#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace maspo {

// What the training loop tells the books about the groups it took, and asks them.
//
// Thread-safe.
class TrainingBook {
 public:
  virtual ~TrainingBook() = default;

  // Version v is about to be published: admits the groups that it opens.
  virtual void OnVersion(uint64_t policy_version) = 0;

  // Accepted groups became training step `step`, or never will become one (`reason`, one word) and are replaced.
  // Unavailable: the ledger cannot be written.
  virtual absl::Status Trained(uint64_t step, const std::vector<std::string>& group_ids) = 0;
  virtual absl::Status Dropped(const std::vector<std::string>& group_ids, const std::string& reason) = 0;

  // Groups that were dropped by others than the loop, after their last attempt; since construction.
  virtual uint64_t given_up() const = 0;

  // Where the books end.
  struct Mark {
    uint64_t ledger_offset = 0;  // Bytes.
    uint64_t groups_issued = 0;  // Training groups.
  };
  // What was written so far survives the machine's death. Unavailable: it cannot be written.
  virtual absl::StatusOr<Mark> Sync() = 0;

  // Internal, with the numbers, unless issued = trained + dropped + open.
  virtual absl::Status Balance() const = 0;
};

}  // namespace maspo
