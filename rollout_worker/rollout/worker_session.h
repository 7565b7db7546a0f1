#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "services/base/steady_mutex.h"
#include "services/base/stop_signal.h"
#include "services/control/membership.h"

namespace maspo {

// This worker's registration with the learner, kept alive by heartbeats on a thread of its own, and the one place that
// knows when the worker's work ends:
//
//   Start() -> registered -> heartbeats -> NotFound -> registered anew -> ... -> End
//
//   the learner said "stop"          the run is over: ok
//   End(why), by a failure or a stop  the learner hears that this worker leaves
//   silence for lost_after           Unavailable
//
// The first of them decides. Nothing else ends a worker: no error of a call says that a run is over.
//
// Thread-safe.
class WorkerSession {
 public:
  struct Options {
    v1::RegisterRequest registration;               // The session adds its instance.
    absl::Duration lost_after = absl::Minutes(10);  // Without an answer for this long the session ends with an error.
  };
  // Fills in a heartbeat's status and held_group_ids; called from any thread.
  using Report = std::function<void(v1::HeartbeatRequest& heartbeat)>;

  // `on_end` is called once, by whoever ends the session, when `ended` is set: it wakes what waits for anything else,
  // and makes calls in flight return, also those of `membership`.
  WorkerSession(Options options, Membership* membership, Report report, std::function<void()> on_end);
  ~WorkerSession();  // Ends it.

  // Registers, waiting for a learner that is not up yet, and begins the heartbeats.
  absl::Status Start();

  struct Registration {
    std::string worker_id;
    uint64_t run_seed = 0;
  };
  Registration registration() const;

  // For a caller that got NotFound for `worker_id`: registers anew unless somebody already did, or the session ended.
  absl::Status Renew(const std::string& worker_id);

  void End(absl::Status why);
  const StopSignal& ended() const { return ended_; }
  absl::Status status() const;  // What it ended with.

 private:
  absl::Status Register() ABSL_EXCLUSIVE_LOCKS_REQUIRED(registering_);
  // Produces heartbeats every heartbeat_interval_; unblocked by ended_.
  void HeartbeatLoop();
  v1::HeartbeatRequest Heartbeat() const;
  void Finish(absl::Status why, bool leave);

  Options options_;
  Membership* const membership_;
  const Report report_;
  const std::function<void()> on_end_;
  StopSignal ended_;

  SteadyMutex registering_;  // Held during a registration; taken before mutex_.
  mutable SteadyMutex mutex_;
  Registration registration_ ABSL_GUARDED_BY(mutex_);
  absl::Duration heartbeat_interval_ ABSL_GUARDED_BY(mutex_);
  absl::Status end_status_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace maspo
