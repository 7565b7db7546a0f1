#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "learner/control/run_control.h"
#include "learner/fatal_cause.h"
#include "learner/progress_watch.h"
#include "learner/publish/policy_publisher.h"
#include "services/base/stop_signal.h"

namespace maspo {

// What ends a wait of the training loop before what it waits for is there. One wait, one guard; one caller.
class WaitGuard {
 public:
  struct Parts {
    RunControl* control;
    const FatalCause* fatal;
    const StopSignal* stop;
    const PolicyPublisher* publisher;
  };
  WaitGuard(const Parts& parts, absl::Duration stall_timeout);

  // Looks around, at each turn of the wait, and shows what it waits for. Cancelled: a stop was requested. The fatal
  // cause, if a part reported one. Aborted: no progress; the message says what is awaited ("the learner has 3 of 4
  // groups"), what each worker does or why what they bring leads nowhere, and why weights did not reach them.
  absl::Status Check(const ProgressWatch::Counts& counts, const std::string& phase, const std::string& awaited);

 private:
  std::string WhyStalled(ProgressWatch::Stall stall) const;
  std::string WhyNoWeights() const;

  const Parts parts_;
  const absl::Duration stall_timeout_;
  ProgressWatch watch_;
};

}  // namespace maspo
