#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "services/base/steady_mutex.h"
#include "services/control/parking_membership.h"

namespace maspo {

// Who is in the run, and how far it is: the learner's end of Membership.
//
//   Register -> live -> heartbeats ... -> missed for heartbeat_timeout, left, or registered again -> ended
//
// Workers are told apart by the process that registers, never by name: several of one name are numbered where people
// see them. The callbacks are called without the lock held; on_worker_ended once for each worker.
//
// Thread-safe.
class RunControl final : public ParkingMembership {
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
  Ticket Park(const v1::HeartbeatRequest& request, Answer<v1::HeartbeatResponse> answer) override;
  bool Withdraw(Ticket ticket) override;
  absl::StatusOr<v1::RunStatus> GetStatus() override;

  bool IsLive(const std::string& worker_id) const;
  std::vector<std::string> LiveWorkers() const;

  // Which worker was the last to leave by itself, or to be refused, and why; empty when none was.
  std::string LastFarewell() const;

  // Blocks until no worker is live or the deadline passes.
  void AwaitNoWorkers(absl::Time deadline) const;

  // Progress, reported by the training loop.
  void SetPhase(const std::string& phase, const std::string& waiting_for);
  void SetStep(uint64_t step, int64_t policy_version, const std::map<std::string, double>& metrics);

  // From now on every heartbeat, also one that is parked, answers "stop", which ends the worker's registration.
  void Stop();
  // Heartbeats are not parked any more: the learner ends.
  void Close();

 private:
  struct Worker {
    uint64_t number = 0;   // Of its registration.
    std::string name;      // Its own word; others may have the same.
    std::string instance;  // Of the process; empty if it did not say.
    v1::WorkerStatus status;
    absl::Time last_heartbeat;
  };

  absl::Status CheckRegistration(const v1::RegisterRequest& request) const;
  v1::HeartbeatResponse Tell(const std::string& worker_id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void TellParked(PendingAnswers& answers) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Ends workers whose heartbeats stopped, until Shutdown. Unblocked by stopping_.
  void WatchHeartbeats();

  const Options options_;
  const Callbacks callbacks_;
  const int64_t started_at_ms_;  // Unix time: tells this learner's registrations from an earlier one's.
  const absl::Time start_;

  mutable SteadyMutex mutex_;
  std::map<std::string, Worker> workers_ ABSL_GUARDED_BY(mutex_);  // By id.
  uint64_t registrations_ ABSL_GUARDED_BY(mutex_) = 0;
  v1::RunStatus progress_ ABSL_GUARDED_BY(mutex_);
  absl::Time last_step_ ABSL_GUARDED_BY(mutex_);  // When SetStep was called last.
  ParkedCalls<v1::HeartbeatResponse, std::monostate> heartbeats_ ABSL_GUARDED_BY(mutex_);
  std::string last_farewell_ ABSL_GUARDED_BY(mutex_);
  bool run_is_over_ ABSL_GUARDED_BY(mutex_) = false;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread watcher_;
};

}  // namespace maspo
