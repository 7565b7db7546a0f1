#pragma once

#include "services/base/parked_call.h"
#include "services/base/steady_clock.h"
#include "services/control/membership.h"

namespace maspo {

// How long a heartbeat's answer may be held back.
inline absl::Duration HoldOf(const v1::HeartbeatRequest& request) {
  return absl::Seconds(request.hold().seconds()) + absl::Nanoseconds(request.hold().nanos());
}

// A Membership at which heartbeats wait for their answer without a thread: RunControl, as its service sees it.
//
// Thread-safe.
class ParkingMembership : public Membership {
 public:
  // As Heartbeat: `answer` comes at once when there is something to say or the request allows no wait.
  virtual Ticket Park(const v1::HeartbeatRequest& request, Answer<v1::HeartbeatResponse> answer) = 0;
  virtual bool Withdraw(Ticket ticket) = 0;

  absl::StatusOr<v1::HeartbeatResponse> Heartbeat(const v1::HeartbeatRequest& request) final {
    return AwaitAnswer<v1::HeartbeatResponse>(
        [&](Answer<v1::HeartbeatResponse> answer) { return Park(request, std::move(answer)); },
        [this](Ticket ticket) { return Withdraw(ticket); }, SteadyNow() + HoldOf(request));
  }
};

}  // namespace maspo
