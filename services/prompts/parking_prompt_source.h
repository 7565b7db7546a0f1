#pragma once

#include <string>
#include <vector>

#include "services/base/parked_call.h"
#include "services/prompts/prompt_source.h"

namespace maspo {

// A PromptSource at which callers wait without a thread: LeaseQueue, as its service sees it.
//
// Thread-safe.
class ParkingPromptSource : public PromptSource {
 public:
  // As Acquire: `answer` gets between 1 and max_groups leases as soon as one is admissible, or nothing when the worker
  // asks again.
  virtual Ticket Park(const std::string& worker_id, int max_groups, Answer<std::vector<v1::Lease>> answer) = 0;
  virtual bool Withdraw(Ticket ticket) = 0;

  // These leases never reached the worker: they end, and count as no attempt.
  virtual void TakeBackUndelivered(const std::string& worker_id, const std::vector<v1::Lease>& leases) = 0;

  absl::StatusOr<std::vector<v1::Lease>> Acquire(const std::string& worker_id, int max_groups,
                                                 absl::Time deadline) final {
    return AwaitAnswer<std::vector<v1::Lease>>(
        [&](Answer<std::vector<v1::Lease>> answer) { return Park(worker_id, max_groups, std::move(answer)); },
        [this](Ticket ticket) { return Withdraw(ticket); }, deadline);
  }
};

}  // namespace maspo
