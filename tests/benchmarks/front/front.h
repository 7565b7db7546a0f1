#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/time/time.h"

namespace maspo {

// The learner as its workers see it, without a tensor: the four services over the real cores and a ledger on disk.
// Where a learner would train, Step() takes a step's groups and publishes the next version, whose plans lead nowhere.
class Front {
 public:
  struct Options {
    uint64_t groups_per_step = 64;
    uint32_t group_size = 16;
    uint32_t response_tokens = 8192;
  };
  explicit Front(const Options& options);
  ~Front();

  const std::string& endpoint() const;

  // When the next version was published; nullopt if the groups of a step did not come before the deadline.
  std::optional<absl::Time> Step(absl::Time deadline);

  // Workers that wait for a group, and for weights.
  uint64_t asking() const;
  uint64_t joining() const;
  // Training groups that came.
  uint64_t groups() const;

 private:
  struct Parts;
  const std::unique_ptr<Parts> parts_;
};

}  // namespace maspo
