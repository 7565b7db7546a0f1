#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "services/control/membership.h"

namespace maspo {

// This worker's registration with the learner, kept alive by heartbeats on a thread of its own.
//
//   Start() -> registered -> heartbeats -> NotFound -> registered anew (generation + 1) -> ... -> "stop" or Stop()
//
// A new generation means that the learner gave this worker's leases to others.
//
// Thread-safe.
class WorkerSession {
 public:
  struct Options {
    v1::RegisterRequest registration;
    absl::Duration lost_after = absl::Minutes(10);  // Without an answer for this long the session ends with an error.
  };
  // Fills in a heartbeat's status and held_group_ids; called from the heartbeat thread.
  using Report = std::function<void(v1::HeartbeatRequest& heartbeat)>;

  WorkerSession(Options options, Membership* membership, Report report);
  ~WorkerSession();

  // Registers, waiting for a learner that is not up yet, and begins the heartbeats.
  absl::Status Start();

  struct Registration {
    std::string worker_id;
    uint64_t generation = 0;  // Counts registrations, from 1.
    uint64_t run_seed = 0;
  };
  Registration registration() const;

  // For a caller that got NotFound for `worker_id`: registers anew unless somebody already did.
  absl::Status Renew(const std::string& worker_id);

  // True once the learner said so, Stop() was called, or the learner is lost. status() tells which.
  bool stopped() const;
  absl::Status status() const;
  void Stop();

 private:
  absl::Status Register() ABSL_EXCLUSIVE_LOCKS_REQUIRED(registering_);
  // Produces heartbeats every heartbeat_interval_; ends when stopped.
  void HeartbeatLoop();
  void End(absl::Status status);

  const Options options_;
  Membership* const membership_;
  const Report report_;

  absl::Mutex registering_;  // Held during a registration; taken before mutex_.
  mutable absl::Mutex mutex_;
  Registration registration_ ABSL_GUARDED_BY(mutex_);
  absl::Duration heartbeat_interval_ ABSL_GUARDED_BY(mutex_);
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status end_status_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace maspo
