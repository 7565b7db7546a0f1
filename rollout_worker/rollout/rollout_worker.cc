#include "rollout_worker/rollout/rollout_worker.h"

#include <limits>
#include <memory>
#include <utility>

#include "services/base/limited_log.h"
#include "services/base/log.h"
#include "services/base/status_macros.h"
#include "services/base/steady_clock.h"
#include "services/base/worker_thread.h"

namespace maspo {

RolloutWorker::RolloutWorker(const Options& options, Hops hops, ModelConfig config, const Tokenizer* tokenizer,
                             Problems* problems, Metrics& metrics)
    : options_(options),
      hops_(std::move(hops)),
      config_(std::move(config)),
      problems_(problems),
      metrics_(metrics),
      receiver_(options.weights, config_, hops_.weights),
      scorer_(options.scoring, tokenizer, hops_.scorer, hops_.trajectories, hops_.prompts, problems),
      finished_(std::numeric_limits<size_t>::max()),
      held_({.generating = options.groups_in_flight, .scoring = 2 * options.scoring_concurrency}),
      session_(
          options.session, hops_.membership, [this](v1::HeartbeatRequest& heartbeat) { Report(heartbeat); },
          [this] { OnEnd(); }) {
  status_.set_policy_version(-1);
  status_.set_phase("waiting for weights");
}

absl::Status RolloutWorker::Run() {
  const auto end_on_error = [this](const absl::Status& status) {
    if (!status.ok()) session_.End(status);
  };
  end_on_error(session_.Start());
  if (!HasEnded()) {
    WorkerThread lease_thread(
        "leases", [this] { return LeaseLoop(); }, end_on_error);
    WorkerThread weight_thread(
        "weights", [this] { return WeightLoop(); }, end_on_error);
    std::vector<std::unique_ptr<WorkerThread>> score_threads;
    for (int i = 0; i < options_.scoring_concurrency; ++i) {
      score_threads.push_back(std::make_unique<WorkerThread>(
          "scoring", [this] { return ScoreLoop(); }, end_on_error));
    }
    WorkerThread engine_thread(
        "engine", [this] { return EngineLoop(); }, end_on_error);
  }
  return session_.status();
}

void RolloutWorker::Stop() { session_.End(absl::CancelledError("the worker was stopped before the run was over")); }

// The session has ended, and every loop looks at that first.
void RolloutWorker::OnEnd() {
  hops_.close();
  finished_.Close();
  SteadyLock lock(&mutex_);  // Whoever waits under it looks again.
}

absl::Status RolloutWorker::EngineLoop() {
  GroupGenerator generator(options_.engine, config_);
  WorkerSession::Registration under;  // Everything in flight was leased under it.
  while (!HasEnded()) {
    Intake intake = TakeIntake(/*wait=*/!generator.HasWork());
    if (intake.weights) MASPO_RETURN_IF_ERROR(generator.UseWeights(*std::move(intake.weights)));
    if (auto registration = session_.registration(); registration.worker_id != under.worker_id) {
      Forget(under.worker_id, generator.BeginRegistration(registration));
      under = std::move(registration);
    }
    for (HeldLease& held : intake.leases) {
      if (held.worker_id == under.worker_id) {
        generator.Add(std::move(held.lease));
      } else {
        Forget(held.worker_id, {held.lease.group().group_id()});
      }
    }
    MASPO_ASSIGN_OR_RETURN(GroupGenerator::Output output, generator.Step());
    HandOver(std::move(output));
    UpdateStatus(generator);
  }
  return absl::OkStatus();
}

RolloutWorker::Intake RolloutWorker::TakeIntake(bool wait) {
  SteadyLock lock(&mutex_);
  if (wait) {
    const auto something_came = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      return HasEnded() || held_.HasNew() || weights_.has_value();
    };
    mutex_.AwaitFor(something_came, absl::Seconds(1));  // The registration may change meanwhile.
  }
  return {held_.TakeNew(), std::exchange(weights_, std::nullopt)};
}

void RolloutWorker::Forget(const std::string& worker_id, const std::vector<std::string>& group_ids) {
  if (group_ids.empty()) return;
  static LimitedLog log;
  log.Warn("the learner registered this worker anew; {} groups in flight are dropped", group_ids.size());
  SteadyLock lock(&mutex_);
  for (const std::string& id : group_ids) held_.Settle(worker_id, id);
}

void RolloutWorker::HandOver(GroupGenerator::Output output) {
  for (const v1::ReleaseRequest& release : output.given_back) {
    problems_->Note("generation", absl::FailedPreconditionError(release.message()));
    hops_.prompts->Release(release).IgnoreError();  // Else its lease runs out.
    SteadyLock lock(&mutex_);
    held_.Settle(release.worker_id(), release.group_id());
  }
  for (GeneratedGroup& group : output.groups) {
    metrics_.groups.Increment();
    metrics_.generate_seconds.Observe(absl::ToDoubleSeconds(group.generate_time));
    {
      SteadyLock lock(&mutex_);
      held_.Generated(group.worker_id, group.prompt.group_id());
    }
    finished_.Push(std::move(group), absl::InfinitePast()).IgnoreError();  // It never is full; closed, all is over.
  }
}

absl::Status RolloutWorker::LeaseLoop() {
  while (!HasEnded()) {
    int room = 0;
    {
      SteadyLock lock(&mutex_);
      const auto has_room = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return HasEnded() || held_.Room() > 0; };
      mutex_.AwaitFor(has_room, options_.poll);
      room = held_.Room();
    }
    if (room <= 0) continue;
    const std::string worker_id = session_.registration().worker_id;
    auto leases = hops_.prompts->Acquire(worker_id, room, SteadyNow() + options_.poll);
    if (!leases.ok()) {
      MASPO_RETURN_IF_ERROR(Recover(leases.status(), worker_id));
      continue;
    }
    SteadyLock lock(&mutex_);
    held_.Add(worker_id, *std::move(leases));
  }
  return absl::OkStatus();
}

absl::Status RolloutWorker::WeightLoop() {
  int64_t version = -1;  // The newest received,
  std::string of;        // under this registration: another one begins without any.
  while (!HasEnded()) {
    const std::string worker_id = session_.registration().worker_id;
    if (std::exchange(of, worker_id) != worker_id) version = -1;
    auto received = receiver_.ReceiveNewer(worker_id, version, SteadyNow() + options_.poll);
    if (!received.ok()) {
      if (!absl::IsNotFound(received.status())) problems_->Note("weights", received.status());
      MASPO_RETURN_IF_ERROR(Recover(received.status(), worker_id));
      continue;
    }
    if (!received->has_value()) continue;  // Which does not mean that what failed before would go well now.
    problems_->Note("weights", absl::OkStatus());
    metrics_.receive_seconds.Observe(absl::ToDoubleSeconds((*received)->receive_time));
    version = (*received)->policy_version;
    SteadyLock lock(&mutex_);
    weights_ = **std::move(received);
  }
  return absl::OkStatus();
}

absl::Status RolloutWorker::ScoreLoop() {
  while (true) {
    absl::StatusOr<GeneratedGroup> group = finished_.Pop(absl::InfiniteFuture());
    if (!group.ok() || HasEnded()) return absl::OkStatus();
    const std::string worker_id = group->worker_id, group_id = group->prompt.group_id();
    scorer_.ScoreAndSubmit(*std::move(group)).IgnoreError();  // It said, and gave the group back.
    SteadyLock lock(&mutex_);
    held_.Settle(worker_id, group_id);
  }
}

absl::Status RolloutWorker::Recover(const absl::Status& error, const std::string& worker_id) {
  if (HasEnded()) return absl::OkStatus();
  if (absl::IsNotFound(error)) return session_.Renew(worker_id);
  if (absl::IsFailedPrecondition(error) || absl::IsInvalidArgument(error)) return error;
  static LimitedLog log;
  log.Warn("{}; trying again", std::string(error.message()));
  session_.ended().WaitFor(absl::Seconds(1));
  return absl::OkStatus();
}

void RolloutWorker::Report(v1::HeartbeatRequest& heartbeat) const {
  SteadyLock lock(&mutex_);
  *heartbeat.mutable_status() = status_;
  heartbeat.mutable_status()->set_groups_in_flight(static_cast<uint32_t>(held_.size()));
  heartbeat.mutable_status()->set_problem(problems_->Latest(SteadyNow()));
  for (std::string& id : held_.HeldBy(heartbeat.worker_id())) *heartbeat.add_held_group_ids() = std::move(id);
}

void RolloutWorker::UpdateStatus(const GroupGenerator& generator) {
  const RolloutEngine::Stats stats = generator.stats();
  metrics_.Show(stats);
  const std::string phase = generator.Phase();
  SteadyLock lock(&mutex_);
  metrics_.held_groups.Set(held_.size());
  status_.set_policy_version(stats.policy_version);
  status_.set_response_tokens(stats.response_tokens);
  status_.set_prompt_tokens(stats.prompt_tokens);
  status_.set_running_sequences(static_cast<uint32_t>(stats.running_sequences));
  status_.set_waiting_sequences(static_cast<uint32_t>(stats.waiting_sequences));
  status_.set_kv_utilization(static_cast<float>(stats.kv_utilization));
  const bool is_scoring = held_.num_scoring() > 0 && phase == "waiting for prompts";
  status_.set_phase(is_scoring ? "waiting for rewards" : phase);
}

}  // namespace maspo
