#include "rollout_worker/rollout/worker_session.h"

#include <spdlog/spdlog.h>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "services/base/status_macros.h"

namespace maspo {

WorkerSession::WorkerSession(Options options, Membership* membership, Report report)
    : options_(std::move(options)), membership_(membership), report_(std::move(report)) {}

WorkerSession::~WorkerSession() {
  Stop();
  if (thread_.joinable()) thread_.join();
}

absl::Status WorkerSession::Start() {
  {
    absl::MutexLock registering(&registering_);
    MASPO_RETURN_IF_ERROR(Register());
  }
  thread_ = std::thread([this] { HeartbeatLoop(); });
  return absl::OkStatus();
}

absl::Status WorkerSession::Register() {
  MASPO_ASSIGN_OR_RETURN(const v1::RegisterResponse response, membership_->Register(options_.registration));
  absl::MutexLock lock(&mutex_);
  registration_.worker_id = response.worker_id();
  registration_.run_seed = response.run_seed();
  ++registration_.generation;
  heartbeat_interval_ =
      absl::Seconds(response.heartbeat_interval().seconds()) + absl::Nanoseconds(response.heartbeat_interval().nanos());
  spdlog::info("registered as {} in run {}", response.worker_id(), response.run_id());
  return absl::OkStatus();
}

absl::Status WorkerSession::Renew(const std::string& worker_id) {
  absl::MutexLock registering(&registering_);
  if (stopped() || registration().worker_id != worker_id) return absl::OkStatus();
  return Register();
}

void WorkerSession::HeartbeatLoop() {
  absl::Time last_answer = absl::Now();
  while (true) {
    v1::HeartbeatRequest request;
    request.set_worker_id(registration().worker_id);
    report_(request);
    absl::StatusOr<v1::HeartbeatResponse> response = membership_->Heartbeat(request);
    absl::Status status = response.status();
    if (absl::IsNotFound(status)) status = Renew(request.worker_id());
    if (status.ok()) last_answer = absl::Now();
    if (response.ok() && response->stop()) return End(absl::OkStatus());
    if (absl::IsCancelled(status)) return End(absl::OkStatus());
    if (absl::IsFailedPrecondition(status)) return End(status);
    if (absl::Now() - last_answer > options_.lost_after) {
      return End(absl::UnavailableError(absl::StrCat(
          "the learner has not answered for ", absl::FormatDuration(options_.lost_after), ": ", status.message())));
    }
    absl::MutexLock lock(&mutex_);
    if (mutex_.AwaitWithTimeout(absl::Condition(&stopped_), heartbeat_interval_)) return;
  }
}

void WorkerSession::End(absl::Status status) {
  absl::MutexLock lock(&mutex_);
  if (!stopped_) end_status_ = std::move(status);
  stopped_ = true;
}

void WorkerSession::Stop() { End(absl::OkStatus()); }

WorkerSession::Registration WorkerSession::registration() const {
  absl::MutexLock lock(&mutex_);
  return registration_;
}

bool WorkerSession::stopped() const {
  absl::MutexLock lock(&mutex_);
  return stopped_;
}

absl::Status WorkerSession::status() const {
  absl::MutexLock lock(&mutex_);
  return end_status_;
}

}  // namespace maspo
