#include "learner/control/run_control.h"

#include <spdlog/spdlog.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"

namespace maspo {
namespace {

constexpr uint32_t kContractVersion = 1;

google::protobuf::Duration ToProto(absl::Duration duration) {
  google::protobuf::Duration proto;
  proto.set_seconds(absl::IDivDuration(duration, absl::Seconds(1), &duration));
  proto.set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(duration)));
  return proto;
}

}  // namespace

RunControl::RunControl(Options options, Callbacks callbacks)
    : options_(std::move(options)),
      callbacks_(std::move(callbacks)),
      start_(absl::Now()),
      last_step_(start_),
      watcher_([this] { WatchHeartbeats(); }) {}

RunControl::~RunControl() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  watcher_.join();
}

absl::StatusOr<v1::RegisterResponse> RunControl::Register(const v1::RegisterRequest& request) {
  if (request.contract_version() != kContractVersion) {
    return absl::FailedPreconditionError(absl::StrCat("worker ", request.worker_name(), " speaks contract version ",
                                                      request.contract_version(), ", this learner ", kContractVersion,
                                                      "; run the same release everywhere"));
  }
  if (request.model_digest() != options_.model_digest) {
    return absl::FailedPreconditionError(absl::StrCat("worker ", request.worker_name(), " has another model (digest ",
                                                      request.model_digest(),
                                                      " of config.json and tokenizer.json, the learner's is ",
                                                      options_.model_digest, "); point model.path at the same folder"));
  }
  std::vector<std::string> replaced;
  v1::RegisterResponse response;
  {
    absl::MutexLock lock(&mutex_);
    for (auto it = workers_.begin(); it != workers_.end();) {
      if (it->second.name == request.worker_name()) {
        replaced.push_back(it->first);
        it = workers_.erase(it);
      } else {
        ++it;
      }
    }
    response.set_worker_id(
        absl::StrFormat("%s#%x.%d", request.worker_name(), absl::ToUnixMillis(start_), ++registrations_));
    v1::WorkerStatus status;
    status.set_policy_version(-1);
    workers_[response.worker_id()] = {request.worker_name(), status, absl::Now()};
  }
  for (const std::string& id : replaced) callbacks_.on_worker_ended(id);
  callbacks_.on_worker_registered(response.worker_id());
  *response.mutable_heartbeat_interval() = ToProto(options_.heartbeat_interval);
  response.set_run_seed(options_.run_seed);
  response.set_run_id(options_.run_id);
  return response;
}

absl::StatusOr<v1::HeartbeatResponse> RunControl::Heartbeat(const v1::HeartbeatRequest& request) {
  v1::HeartbeatResponse response;
  const absl::Time now = absl::Now();
  {
    absl::MutexLock lock(&mutex_);
    const auto it = workers_.find(request.worker_id());
    if (it == workers_.end()) {
      return absl::NotFoundError(
          absl::StrCat("worker \"", request.worker_id(), "\" is not registered; register again"));
    }
    if (run_is_over_) {
      workers_.erase(it);
      response.set_stop(true);
      return response;
    }
    it->second.status = request.status();
    it->second.last_heartbeat = now;
  }
  callbacks_.on_heartbeat(request.worker_id(), {request.held_group_ids().begin(), request.held_group_ids().end()}, now);
  return response;
}

absl::StatusOr<v1::RunStatus> RunControl::GetStatus() {
  absl::MutexLock lock(&mutex_);
  v1::RunStatus status = progress_;
  const absl::Time now = absl::Now();
  status.set_run_id(options_.run_id);
  status.set_total_steps(options_.total_steps);
  status.set_elapsed_seconds(static_cast<float>(absl::ToDoubleSeconds(now - start_)));
  status.set_seconds_since_step(static_cast<float>(absl::ToDoubleSeconds(now - last_step_)));
  for (const auto& [id, worker] : workers_) {
    v1::WorkerSummary& summary = *status.add_workers();
    summary.set_worker_id(id);
    summary.set_worker_name(worker.name);
    *summary.mutable_status() = worker.status;
    summary.set_seconds_since_heartbeat(static_cast<float>(absl::ToDoubleSeconds(now - worker.last_heartbeat)));
  }
  return status;
}

bool RunControl::IsLive(const std::string& worker_id) const {
  absl::MutexLock lock(&mutex_);
  return workers_.contains(worker_id);
}

std::vector<std::string> RunControl::LiveWorkers() const {
  absl::MutexLock lock(&mutex_);
  std::vector<std::string> ids;
  for (const auto& [id, worker] : workers_) ids.push_back(id);
  return ids;
}

void RunControl::AwaitNoWorkers(absl::Time deadline) const {
  absl::MutexLock lock(&mutex_);
  const auto nobody = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return workers_.empty(); };
  mutex_.AwaitWithDeadline(absl::Condition(&nobody), deadline);
}

void RunControl::SetPhase(const std::string& phase, const std::string& waiting_for) {
  absl::MutexLock lock(&mutex_);
  progress_.set_phase(phase);
  progress_.set_waiting_for(waiting_for);
}

void RunControl::SetStep(uint64_t step, int64_t policy_version, const std::map<std::string, double>& metrics) {
  absl::MutexLock lock(&mutex_);
  last_step_ = absl::Now();
  progress_.set_step(step);
  progress_.set_policy_version(policy_version);
  progress_.mutable_metrics()->clear();
  for (const auto& [name, value] : metrics) (*progress_.mutable_metrics())[name] = value;
}

void RunControl::Stop() {
  absl::MutexLock lock(&mutex_);
  run_is_over_ = true;
}

void RunControl::WatchHeartbeats() {
  while (true) {
    std::vector<std::string> ended;
    {
      absl::MutexLock lock(&mutex_);
      mutex_.AwaitWithTimeout(absl::Condition(&stopping_), options_.heartbeat_timeout / 8);
      if (stopping_) return;
      const absl::Time oldest = absl::Now() - options_.heartbeat_timeout;
      for (auto it = workers_.begin(); it != workers_.end();) {
        if (it->second.last_heartbeat < oldest) {
          ended.push_back(it->first);
          it = workers_.erase(it);
        } else {
          ++it;
        }
      }
    }
    for (const std::string& id : ended) {
      spdlog::warn("{} sent no heartbeat for {}: its leases go to others", id,
                   absl::FormatDuration(options_.heartbeat_timeout));
      callbacks_.on_worker_ended(id);
    }
    callbacks_.on_tick(absl::Now());
  }
}

}  // namespace maspo
