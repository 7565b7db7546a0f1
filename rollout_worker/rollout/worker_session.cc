#include "rollout_worker/rollout/worker_session.h"

#include <google/protobuf/util/time_util.h>
#include <spdlog/spdlog.h>

#include <random>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/base/limited_log.h"
#include "services/base/status_macros.h"
#include "services/base/steady_clock.h"

namespace maspo {
namespace {

std::string RandomInstance() {
  std::random_device random;
  return absl::StrCat(absl::Hex(random(), absl::kZeroPad8), absl::Hex(random(), absl::kZeroPad8));
}

}  // namespace

WorkerSession::WorkerSession(Options options, Membership* membership, Report report, std::function<void()> on_end)
    : options_(std::move(options)), membership_(membership), report_(std::move(report)), on_end_(std::move(on_end)) {
  options_.registration.set_instance(RandomInstance());
}

WorkerSession::~WorkerSession() {
  End(absl::CancelledError("the worker is done"));
  if (thread_.joinable()) thread_.join();
}

absl::Status WorkerSession::Start() {
  {
    SteadyLock registering(&registering_);
    MASPO_RETURN_IF_ERROR(Register());
  }
  thread_ = std::thread([this] { HeartbeatLoop(); });
  return absl::OkStatus();
}

absl::Status WorkerSession::Register() {
  MASPO_ASSIGN_OR_RETURN(const v1::RegisterResponse response, membership_->Register(options_.registration));
  SteadyLock lock(&mutex_);
  registration_.worker_id = response.worker_id();
  registration_.run_seed = response.run_seed();
  heartbeat_interval_ =
      absl::Seconds(response.heartbeat_interval().seconds()) + absl::Nanoseconds(response.heartbeat_interval().nanos());
  static LimitedLog log;
  log.Info("registered as {} in run {}", response.worker_id(), response.run_id());
  return absl::OkStatus();
}

absl::Status WorkerSession::Renew(const std::string& worker_id) {
  SteadyLock registering(&registering_);
  if (ended_.stop_requested() || registration().worker_id != worker_id) return absl::OkStatus();
  return Register();
}

v1::HeartbeatRequest WorkerSession::Heartbeat() const {
  v1::HeartbeatRequest request;
  {
    SteadyLock lock(&mutex_);
    request.set_worker_id(registration_.worker_id);
    *request.mutable_hold() =
        google::protobuf::util::TimeUtil::NanosecondsToDuration(absl::ToInt64Nanoseconds(heartbeat_interval_));
  }
  report_(request);
  return request;
}

void WorkerSession::HeartbeatLoop() {
  absl::Time last_answer = SteadyNow();
  while (true) {
    const absl::Time sent = SteadyNow();
    const v1::HeartbeatRequest request = Heartbeat();
    const absl::StatusOr<v1::HeartbeatResponse> response = membership_->Heartbeat(request);
    absl::Status status = response.status();
    if (absl::IsNotFound(status)) status = Renew(request.worker_id());
    if (status.ok()) last_answer = SteadyNow();
    if (response.ok() && response->stop()) return Finish(absl::OkStatus(), /*leave=*/false);
    if (absl::IsFailedPrecondition(status)) return Finish(status, /*leave=*/false);
    if (SteadyNow() - last_answer > options_.lost_after) {
      return Finish(
          absl::UnavailableError(absl::StrCat("the learner has not answered for ",
                                              absl::FormatDuration(options_.lost_after), ": ", status.message())),
          /*leave=*/false);
    }
    // The answer may have been held back for the whole interval.
    const absl::Duration interval = absl::Seconds(request.hold().seconds()) + absl::Nanoseconds(request.hold().nanos());
    if (ended_.WaitUntil(sent + interval)) return;
  }
}

void WorkerSession::End(absl::Status why) { Finish(std::move(why), /*leave=*/true); }

void WorkerSession::Finish(absl::Status why, bool leave) {
  std::string worker_id;
  {
    SteadyLock lock(&mutex_);
    if (ended_.stop_requested()) return;
    end_status_ = why;
    worker_id = registration_.worker_id;
    ended_.RequestStop();
  }
  if (leave && !worker_id.empty()) {
    v1::HeartbeatRequest last = Heartbeat();
    last.clear_hold();
    last.set_leaving(true);
    last.mutable_status()->set_problem(std::string(why.message()));
    membership_->Heartbeat(last).IgnoreError();  // Else the learner notices by itself.
  }
  on_end_();
}

WorkerSession::Registration WorkerSession::registration() const {
  SteadyLock lock(&mutex_);
  return registration_;
}

absl::Status WorkerSession::status() const {
  SteadyLock lock(&mutex_);
  return end_status_;
}

}  // namespace maspo
