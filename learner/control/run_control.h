#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "services/control/membership.h"

namespace maspo {

// Who is in the run, and how far it is: the learner's end of Membership.
//
//   Register -> live -> heartbeats ... -> missed for heartbeat_timeout, or registered again -> ended
//
// The callbacks are called without the lock held; on_worker_ended once for each worker.
//
// Thread-safe.
class RunControl final : public Membership {
 public:
  struct Options {
    std::string run_id;
    uint64_t run_seed = 0;
    uint64_t total_steps = 0;
    std::string model_digest;
    absl::Duration heartbeat_interval = absl::Seconds(1);
    absl::Duration heartbeat_timeout = absl::Seconds(6);
  };
  struct Callbacks {
    std::function<void(const std::string& worker_id)> on_worker_registered;
    std::function<void(const std::string& worker_id, const std::vector<std::string>& held_group_ids, absl::Time now)>
        on_heartbeat;
    std::function<void(const std::string& worker_id)> on_worker_ended;
    std::function<void(absl::Time now)> on_tick;  // Several times per heartbeat_timeout.
  };

  RunControl(Options options, Callbacks callbacks);
  ~RunControl() override;

  absl::StatusOr<v1::RegisterResponse> Register(const v1::RegisterRequest& request) override;
  absl::StatusOr<v1::HeartbeatResponse> Heartbeat(const v1::HeartbeatRequest& request) override;
  absl::StatusOr<v1::RunStatus> GetStatus() override;

  bool IsLive(const std::string& worker_id) const;
  std::vector<std::string> LiveWorkers() const;

  // Blocks until no worker is live or the deadline passes.
  void AwaitNoWorkers(absl::Time deadline) const;

  // Progress, reported by the training loop.
  void SetPhase(const std::string& phase, const std::string& waiting_for);
  void SetStep(uint64_t step, int64_t policy_version, const std::map<std::string, double>& metrics);

  // From now on every heartbeat answers "stop", which ends the worker's registration.
  void Stop();

 private:
  struct Worker {
    std::string name;
    v1::WorkerStatus status;
    absl::Time last_heartbeat;
  };

  // Ends workers whose heartbeats stopped, until Shutdown. Unblocked by stopping_.
  void WatchHeartbeats();

  const Options options_;
  const Callbacks callbacks_;
  const absl::Time start_;

  mutable absl::Mutex mutex_;
  std::map<std::string, Worker> workers_ ABSL_GUARDED_BY(mutex_);  // By id.
  uint64_t registrations_ ABSL_GUARDED_BY(mutex_) = 0;
  v1::RunStatus progress_ ABSL_GUARDED_BY(mutex_);
  absl::Time last_step_ ABSL_GUARDED_BY(mutex_);  // When SetStep was called last.
  bool run_is_over_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread watcher_;
};

}  // namespace maspo
