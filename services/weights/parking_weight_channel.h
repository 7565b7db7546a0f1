#pragma once

#include <optional>
#include <string>

#include "services/base/parked_call.h"
#include "services/weights/weight_channel.h"

namespace maspo {

// A WeightChannel at which callers wait without a thread: BroadcastEpochs, as its service sees it.
//
// Thread-safe.
class ParkingWeightChannel : public WeightChannel {
 public:
  using MaybePlan = std::optional<v1::BroadcastPlan>;

  // As Join: `answer` gets a plan as soon as a version newer than served_version is broadcast to the worker, or nullopt
  // when the worker joins again.
  virtual Ticket Park(const std::string& worker_id, int64_t served_version, Answer<MaybePlan> answer) = 0;
  virtual bool Withdraw(Ticket ticket) = 0;

  absl::StatusOr<MaybePlan> Join(const std::string& worker_id, int64_t served_version, absl::Time deadline) final {
    return AwaitAnswer<MaybePlan>(
        [&](Answer<MaybePlan> answer) { return Park(worker_id, served_version, std::move(answer)); },
        [this](Ticket ticket) { return Withdraw(ticket); }, deadline);
  }
};

}  // namespace maspo
