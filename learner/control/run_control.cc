#include "learner/control/run_control.h"

#include <google/protobuf/util/time_util.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "services/base/limited_log.h"
#include "services/base/steady_clock.h"

namespace maspo {
namespace {

constexpr uint32_t kContractVersion = 1;

}  // namespace

RunControl::RunControl(Options options, Callbacks callbacks)
    : options_(std::move(options)),
      callbacks_(std::move(callbacks)),
      started_at_ms_(absl::ToUnixMillis(absl::Now())),
      start_(SteadyNow()),
      last_step_(start_),
      watcher_([this] { WatchHeartbeats(); }) {}

RunControl::~RunControl() {
  {
    SteadyLock lock(&mutex_);
    stopping_ = true;
  }
  watcher_.join();
}

absl::Status RunControl::CheckRegistration(const v1::RegisterRequest& request) const {
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
  return absl::OkStatus();
}

absl::StatusOr<v1::RegisterResponse> RunControl::Register(const v1::RegisterRequest& request) {
  if (absl::Status refusal = CheckRegistration(request); !refusal.ok()) {
    SteadyLock lock(&mutex_);
    last_farewell_ = std::string(refusal.message());
    return refusal;
  }
  std::vector<std::string> replaced;
  v1::RegisterResponse response;
  {
    SteadyLock lock(&mutex_);
    for (auto it = workers_.begin(); it != workers_.end();) {
      if (!request.instance().empty() && it->second.instance == request.instance()) {
        replaced.push_back(it->first);
        it = workers_.erase(it);
      } else {
        ++it;
      }
    }
    response.set_worker_id(absl::StrFormat("%s#%x.%d", request.worker_name(), started_at_ms_, ++registrations_));
    v1::WorkerStatus status;
    status.set_policy_version(-1);
    workers_[response.worker_id()] = {registrations_, request.worker_name(), request.instance(), status, SteadyNow()};
  }
  for (const std::string& id : replaced) callbacks_.on_worker_ended(id);
  callbacks_.on_worker_registered(response.worker_id());
  *response.mutable_heartbeat_interval() =
      google::protobuf::util::TimeUtil::NanosecondsToDuration(absl::ToInt64Nanoseconds(options_.heartbeat_interval));
  response.set_run_seed(options_.run_seed);
  response.set_run_id(options_.run_id);
  return response;
}

Ticket RunControl::Park(const v1::HeartbeatRequest& request, Answer<v1::HeartbeatResponse> answer) {
  const std::string& id = request.worker_id();
  const absl::Time now = SteadyNow();
  {
    PendingAnswers answers;
    SteadyLock lock(&mutex_);
    const auto it = workers_.find(id);
    if (it == workers_.end() && run_is_over_) {  // It was told, and did not hear it.
      answers.Add<v1::HeartbeatResponse>(std::move(answer), Tell(id));
      return 0;
    }
    if (it == workers_.end()) {
      answers.Add<v1::HeartbeatResponse>(
          std::move(answer),
          absl::NotFoundError(absl::StrCat("worker \"", id, "\" is not registered; register again")));
      return 0;
    }
    it->second.status = request.status();
    it->second.last_heartbeat = now;
    if (request.leaving()) {
      last_farewell_ = absl::StrCat(it->second.name, ": ", request.status().problem());
      workers_.erase(it);
    }
  }
  if (request.leaving()) {
    static LimitedLog log;
    log.Warn("{} leaves: {}", id, request.status().problem());
    callbacks_.on_worker_ended(id);
  } else {
    callbacks_.on_heartbeat(id, {request.held_group_ids().begin(), request.held_group_ids().end()}, now);
  }

  PendingAnswers answers;
  SteadyLock lock(&mutex_);
  if (run_is_over_ || closed_ || request.leaving() || HoldOf(request) <= absl::ZeroDuration()) {
    answers.Add<v1::HeartbeatResponse>(std::move(answer), Tell(id));
    return 0;
  }
  return heartbeats_.Park({id, {}, std::move(answer)}, answers);
}

bool RunControl::Withdraw(Ticket ticket) {
  SteadyLock lock(&mutex_);
  return heartbeats_.Take(ticket).has_value();
}

// What there is to say to a worker. Told that the run is over, it is registered no more.
v1::HeartbeatResponse RunControl::Tell(const std::string& worker_id) {
  v1::HeartbeatResponse response;
  response.set_stop(run_is_over_);
  if (run_is_over_) workers_.erase(worker_id);
  return response;
}

void RunControl::TellParked(PendingAnswers& answers) {
  while (!heartbeats_.calls().empty()) {
    auto heartbeat = *heartbeats_.Take(heartbeats_.calls().begin()->first);
    answers.Add<v1::HeartbeatResponse>(std::move(heartbeat.answer), Tell(heartbeat.worker_id));
  }
}

absl::StatusOr<v1::RunStatus> RunControl::GetStatus() {
  SteadyLock lock(&mutex_);
  v1::RunStatus status = progress_;
  const absl::Time now = SteadyNow();
  status.set_run_id(options_.run_id);
  status.set_total_steps(options_.total_steps);
  status.set_elapsed_seconds(static_cast<float>(absl::ToDoubleSeconds(now - start_)));
  status.set_seconds_since_step(static_cast<float>(absl::ToDoubleSeconds(now - last_step_)));
  std::map<uint64_t, const std::string*> by_age;
  for (const auto& [id, worker] : workers_) by_age[worker.number] = &id;
  std::map<std::string, int> of_name;
  for (const auto& [number, id] : by_age) {
    const Worker& worker = workers_.at(*id);
    const int nth = ++of_name[worker.name];
    v1::WorkerSummary& summary = *status.add_workers();
    summary.set_worker_id(*id);
    summary.set_worker_name(nth == 1 ? worker.name : absl::StrCat(worker.name, "-", nth));
    *summary.mutable_status() = worker.status;
    summary.set_seconds_since_heartbeat(static_cast<float>(absl::ToDoubleSeconds(now - worker.last_heartbeat)));
  }
  return status;
}

bool RunControl::IsLive(const std::string& worker_id) const {
  SteadyLock lock(&mutex_);
  return workers_.contains(worker_id);
}

std::vector<std::string> RunControl::LiveWorkers() const {
  SteadyLock lock(&mutex_);
  std::vector<std::string> ids;
  for (const auto& [id, worker] : workers_) ids.push_back(id);
  return ids;
}

std::string RunControl::LastFarewell() const {
  SteadyLock lock(&mutex_);
  return last_farewell_;
}

void RunControl::AwaitNoWorkers(absl::Time deadline) const {
  SteadyLock lock(&mutex_);
  const auto nobody = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return workers_.empty(); };
  mutex_.AwaitUntil(nobody, deadline);
}

void RunControl::SetPhase(const std::string& phase, const std::string& waiting_for) {
  SteadyLock lock(&mutex_);
  progress_.set_phase(phase);
  progress_.set_waiting_for(waiting_for);
}

void RunControl::SetStep(uint64_t step, int64_t policy_version, const std::map<std::string, double>& metrics) {
  SteadyLock lock(&mutex_);
  last_step_ = SteadyNow();
  progress_.set_step(step);
  progress_.set_policy_version(policy_version);
  progress_.mutable_metrics()->clear();
  for (const auto& [name, value] : metrics) (*progress_.mutable_metrics())[name] = value;
}

void RunControl::Stop() {
  PendingAnswers answers;
  SteadyLock lock(&mutex_);
  run_is_over_ = true;
  TellParked(answers);
}

void RunControl::Close() {
  PendingAnswers answers;
  SteadyLock lock(&mutex_);
  closed_ = true;
  TellParked(answers);
}

void RunControl::WatchHeartbeats() {
  while (true) {
    std::vector<std::string> ended;
    {
      SteadyLock lock(&mutex_);
      mutex_.AwaitFor([this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return stopping_; },
                      options_.heartbeat_timeout / 8);
      if (stopping_) return;
      const absl::Time oldest = SteadyNow() - options_.heartbeat_timeout;
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
      static LimitedLog log;
      log.Warn("{} sent no heartbeat for {}: its leases go to others", id,
               absl::FormatDuration(options_.heartbeat_timeout));
      callbacks_.on_worker_ended(id);
    }
    callbacks_.on_tick(SteadyNow());
  }
}

}  // namespace maspo
