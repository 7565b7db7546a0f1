#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "services/control/parking_membership.h"

namespace maspo {

// Stands for the learner's control: registers everybody as "worker-1", "worker-2" ..., keeps the heartbeats, tells the
// workers to stop, or forgets them, when a test says so.
class FakeMembership final : public ParkingMembership {
 public:
  // Every later call returns this, until it is ok again.
  void Answer(absl::Status status) {
    absl::MutexLock lock(&mutex_);
    status_ = std::move(status);
  }
  // The next heartbeat of each worker that is registered now is answered with NotFound.
  void Forget() {
    absl::MutexLock lock(&mutex_);
    forgotten_ = registrations_.size();
  }
  void SayStop() {
    absl::MutexLock lock(&mutex_);
    stop_ = true;
  }
  std::vector<v1::RegisterRequest> registrations() const {
    absl::MutexLock lock(&mutex_);
    return registrations_;
  }
  std::vector<v1::HeartbeatRequest> heartbeats() const {
    absl::MutexLock lock(&mutex_);
    return heartbeats_;
  }

  absl::StatusOr<v1::RegisterResponse> Register(const v1::RegisterRequest& request) override {
    absl::MutexLock lock(&mutex_);
    if (!status_.ok()) return status_;
    registrations_.push_back(request);
    v1::RegisterResponse response;
    response.set_worker_id(absl::StrCat("worker-", registrations_.size()));
    response.mutable_heartbeat_interval()->set_nanos(10'000'000);
    response.set_run_seed(7);
    response.set_run_id("run");
    return response;
  }

  // Nobody is held.
  Ticket Park(const v1::HeartbeatRequest& request, maspo::Answer<v1::HeartbeatResponse> answer) override {
    answer(Respond(request));
    return 0;
  }
  bool Withdraw(Ticket) override { return false; }

  absl::StatusOr<v1::RunStatus> GetStatus() override {
    absl::MutexLock lock(&mutex_);
    if (!status_.ok()) return status_;
    v1::RunStatus run;
    run.set_run_id("run");
    for (const v1::RegisterRequest& registration : registrations_) {
      run.add_workers()->set_worker_name(registration.worker_name());
    }
    return run;
  }

 private:
  absl::StatusOr<v1::HeartbeatResponse> Respond(const v1::HeartbeatRequest& request) {
    absl::MutexLock lock(&mutex_);
    if (!status_.ok()) return status_;
    heartbeats_.push_back(request);
    for (size_t i = 1; i <= forgotten_; ++i) {
      if (request.worker_id() == absl::StrCat("worker-", i)) return absl::NotFoundError("register again");
    }
    v1::HeartbeatResponse response;
    response.set_stop(stop_);
    return response;
  }

  mutable absl::Mutex mutex_;
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
  bool stop_ ABSL_GUARDED_BY(mutex_) = false;
  size_t forgotten_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<v1::RegisterRequest> registrations_ ABSL_GUARDED_BY(mutex_);
  std::vector<v1::HeartbeatRequest> heartbeats_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace maspo
