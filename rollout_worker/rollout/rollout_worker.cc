#include "rollout_worker/rollout/rollout_worker.h"

#include <spdlog/spdlog.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "services/base/log.h"
#include "services/base/status_macros.h"
#include "services/base/worker_thread.h"

namespace maspo {

RolloutWorker::RolloutWorker(const Options& options, const Hops& hops, ModelConfig config, const Tokenizer* tokenizer,
                             Metrics& metrics)
    : options_(options),
      hops_(hops),
      config_(std::move(config)),
      session_(options.session, hops.membership, [this](v1::HeartbeatRequest& heartbeat) { Report(heartbeat); }),
      receiver_(options.weights, config_, hops.weights),
      scorer_(options.scoring, tokenizer, hops.scorer, hops.trajectories, hops.prompts),
      finished_(static_cast<size_t>(options.groups_in_flight)),
      response_tokens_(metrics.AddCounter("maspo_rollout_response_tokens_total", "Response tokens sampled")),
      prompt_tokens_(
          metrics.AddCounter("maspo_rollout_prompt_tokens_total", "Prompt tokens prefilled, recomputation included")),
      groups_(metrics.AddCounter("maspo_rollout_groups_total", "Groups handed to scoring")),
      preemptions_(metrics.AddCounter("maspo_rollout_preemptions_total", "Sequences whose KV blocks were taken away")),
      generate_seconds_(metrics.AddHistogram("maspo_rollout_group_generate_seconds",
                                             "From a group's first forward to its last response",
                                             GeometricBounds(0.0625, 2, 16))),
      receive_seconds_(metrics.AddHistogram("maspo_rollout_weights_receive_seconds",
                                            "From the plan of a broadcast to verified weights",
                                            GeometricBounds(0.0078125, 2, 16))),
      policy_version_(
          metrics.AddGauge("maspo_rollout_policy_version", "Policy version being served; -1 before the first")),
      kv_utilization_(metrics.AddGauge("maspo_rollout_kv_utilization_ratio", "Share of KV blocks in use")),
      running_sequences_(metrics.AddGauge("maspo_rollout_running_sequences", "Sequences being decoded")),
      waiting_sequences_(
          metrics.AddGauge("maspo_rollout_waiting_sequences", "Sequences waiting for a slot or for blocks")),
      held_groups_(metrics.AddGauge("maspo_rollout_held_groups", "Groups leased and not yet submitted")) {
  policy_version_.Set(-1);
  status_.set_policy_version(-1);
  status_.set_phase("registering");
}

absl::Status RolloutWorker::Run() {
  MASPO_RETURN_IF_ERROR(session_.Start());
  UpdateStatus("waiting for weights");
  absl::Status result;
  {
    const auto stop_all = [this](const absl::Status&) { Stop(); };
    WorkerThread lease_thread(
        "leases", [this] { return LeaseLoop(); }, stop_all);
    WorkerThread weight_thread(
        "weights", [this] { return WeightLoop(); }, stop_all);
    std::vector<std::unique_ptr<WorkerThread>> score_threads;
    for (int i = 0; i < options_.scoring_threads; ++i) {
      score_threads.push_back(std::make_unique<WorkerThread>(
          "scoring", [this] { return ScoreLoop(); }, stop_all));
    }
    WorkerThread engine_thread(
        "engine", [this] { return EngineLoop(); }, stop_all);
    result.Update(engine_thread.Join());
    finished_.Close();
    for (auto& thread : score_threads) result.Update(thread->Join());
    result.Update(lease_thread.Join());
    result.Update(weight_thread.Join());
  }
  result.Update(session_.status());
  return result;
}

void RolloutWorker::Stop() {
  stop_.RequestStop();
  session_.Stop();
  absl::MutexLock lock(&mutex_);
  stopping_ = true;
}

absl::Status RolloutWorker::EngineLoop() {
  std::vector<v1::Lease> waiting;  // For their min_policy_version.
  uint64_t generation = session_.registration().generation;
  while (!session_.stopped() && !stop_.stop_requested()) {
    const bool is_idle = engine_ == nullptr || !engine_->HasWork();
    Intake intake = TakeIntake(/*wait=*/is_idle);
    if (intake.weights) {
      if (engine_ == nullptr) {
        MASPO_ASSIGN_OR_RETURN(engine_, RolloutEngine::Create(config_, intake.weights->parameters,
                                                              intake.weights->policy_version, options_.engine));
      } else {
        engine_->SetParameters(intake.weights->parameters, intake.weights->policy_version);
      }
      weights_of_ = intake.weights->worker_id;
    }
    if (const uint64_t now = session_.registration().generation; now != generation) {
      generation = now;
      ForgetGroups(waiting);
    }
    for (v1::Lease& lease : intake.leases) waiting.push_back(std::move(lease));
    if (engine_ == nullptr) continue;
    // A restarted learner trains the versions after its checkpoint anew: what is here may be none of its own.
    const bool has_weights = weights_of_ == session_.registration().worker_id;
    if (has_weights) MASPO_RETURN_IF_ERROR(BeginGroups(waiting));
    if (engine_->HasWork()) MASPO_RETURN_IF_ERROR(Finish(engine_->Step()));
    UpdateStatus(engine_->HasWork() ? "generating"
                 : !has_weights     ? "waiting for weights"
                 : waiting.empty()  ? "waiting for prompts"
                                    : "waiting for newer weights");
  }
  return absl::OkStatus();
}

RolloutWorker::Intake RolloutWorker::TakeIntake(bool wait) {
  absl::MutexLock lock(&mutex_);
  if (wait) {
    const auto something_came = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      return stopping_ || !leases_.empty() || weights_.has_value();
    };
    mutex_.AwaitWithTimeout(absl::Condition(&something_came), absl::Seconds(1));  // The session may end meanwhile.
  }
  return {std::exchange(leases_, {}), std::exchange(weights_, std::nullopt)};
}

absl::Status RolloutWorker::BeginGroups(std::vector<v1::Lease>& waiting) {
  std::vector<v1::Lease> later;
  const WorkerSession::Registration registration = session_.registration();
  for (v1::Lease& lease : waiting) {
    if (lease.min_policy_version() > engine_->stats().policy_version) {
      later.push_back(std::move(lease));
      continue;
    }
    const v1::PromptGroup& prompt = lease.group();
    const LogGroup about(prompt.group_id());
    GenerationRequest request;
    request.request_id = prompt.group_id();
    request.prompt_token_ids.assign(prompt.prompt_token_ids().begin(), prompt.prompt_token_ids().end());
    request.num_samples = prompt.num_samples();
    request.sampling = prompt.sampling();
    request.stream = {registration.run_seed, prompt.prompt_id(), prompt.visit()};
    const absl::Status status = engine_->Submit(std::move(request));
    if (status.ok()) {
      assembler_.Begin(prompt, absl::Now());
      spdlog::debug("group {} begins", prompt.group_id());
      continue;
    }
    // This group can never run here (for instance, the cache is too small for it): say so and go on.
    spdlog::error("group {} is refused: {}", prompt.group_id(), std::string(status.message()));
    hops_.prompts->Release(registration.worker_id, prompt.group_id(), "refused", std::string(status.message()))
        .IgnoreError();
    Drop({prompt.group_id()});
  }
  waiting = std::move(later);
  return absl::OkStatus();
}

void RolloutWorker::ForgetGroups(std::vector<v1::Lease>& waiting) {
  std::vector<std::string> ids = assembler_.Clear();
  for (const std::string& id : ids) engine_->Cancel(id);
  for (const v1::Lease& lease : std::exchange(waiting, {})) ids.push_back(lease.group().group_id());
  spdlog::warn("the learner registered this worker anew; {} groups in flight are dropped", ids.size());
  Drop(ids);
}

void RolloutWorker::Drop(const std::vector<std::string>& group_ids) {
  absl::MutexLock lock(&mutex_);
  for (const std::string& id : group_ids) held_.erase(id);
  unfinished_groups_ -= static_cast<int>(group_ids.size());
}

absl::Status RolloutWorker::Finish(std::vector<GeneratedResponse> responses) {
  for (GeneratedResponse& response : responses) {
    std::optional<GeneratedGroup> group = assembler_.Add(std::move(response), absl::Now());
    if (!group) continue;
    group->worker_id = weights_of_;
    groups_.Increment();
    generate_seconds_.Observe(absl::ToDoubleSeconds(group->generate_time));
    const absl::Status status = finished_.Push(*std::move(group), absl::InfiniteFuture());
    if (absl::IsCancelled(status)) return absl::OkStatus();
    MASPO_RETURN_IF_ERROR(status);
    absl::MutexLock lock(&mutex_);
    --unfinished_groups_;
  }
  return absl::OkStatus();
}

absl::Status RolloutWorker::LeaseLoop() {
  while (!session_.stopped() && !stop_.stop_requested()) {
    int room = 0;
    {
      absl::MutexLock lock(&mutex_);
      const auto has_room = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
        return stopping_ || unfinished_groups_ < options_.groups_in_flight;
      };
      mutex_.AwaitWithTimeout(absl::Condition(&has_room), options_.poll);
      room = options_.groups_in_flight - unfinished_groups_;
    }
    if (room <= 0) continue;
    const std::string worker_id = session_.registration().worker_id;
    auto leases = hops_.prompts->Acquire(worker_id, room, absl::Now() + options_.poll);
    if (!leases.ok()) {
      MASPO_RETURN_IF_ERROR(Recover(leases.status(), worker_id));
      continue;
    }
    absl::MutexLock lock(&mutex_);
    unfinished_groups_ += static_cast<int>(leases->size());
    for (v1::Lease& lease : *leases) {
      held_.insert(lease.group().group_id());
      leases_.push_back(std::move(lease));
    }
  }
  return absl::OkStatus();
}

absl::Status RolloutWorker::WeightLoop() {
  int64_t version = -1;  // The newest received,
  std::string of;        // under this registration: another one begins without any.
  while (!session_.stopped() && !stop_.stop_requested()) {
    const std::string worker_id = session_.registration().worker_id;
    if (std::exchange(of, worker_id) != worker_id) version = -1;
    auto received = receiver_.ReceiveNewer(worker_id, version, absl::Now() + options_.poll);
    if (!received.ok()) {
      MASPO_RETURN_IF_ERROR(Recover(received.status(), worker_id));
      continue;
    }
    if (!received->has_value()) continue;
    receive_seconds_.Observe(absl::ToDoubleSeconds((*received)->receive_time));
    version = (*received)->policy_version;
    absl::MutexLock lock(&mutex_);
    weights_ = **std::move(received);
  }
  return absl::OkStatus();
}

absl::Status RolloutWorker::ScoreLoop() {
  while (true) {
    absl::StatusOr<GeneratedGroup> group = finished_.Pop(absl::InfiniteFuture());
    if (!group.ok()) return absl::OkStatus();
    const std::string group_id = group->prompt.group_id();
    const absl::Status status = scorer_.ScoreAndSubmit(*std::move(group));
    if (absl::IsCancelled(status)) return absl::OkStatus();
    absl::MutexLock lock(&mutex_);
    held_.erase(group_id);
  }
}

absl::Status RolloutWorker::Recover(const absl::Status& error, const std::string& worker_id) {
  if (absl::IsCancelled(error)) {  // The run is over.
    Stop();
    return absl::OkStatus();
  }
  if (absl::IsNotFound(error)) return session_.Renew(worker_id);
  if (absl::IsFailedPrecondition(error) || absl::IsInvalidArgument(error)) return error;
  spdlog::warn("{}; trying again", std::string(error.message()));
  stop_.WaitFor(absl::Seconds(1));
  return absl::OkStatus();
}

void RolloutWorker::Report(v1::HeartbeatRequest& heartbeat) const {
  absl::MutexLock lock(&mutex_);
  *heartbeat.mutable_status() = status_;
  heartbeat.mutable_status()->set_groups_in_flight(static_cast<uint32_t>(held_.size()));
  for (const std::string& id : held_) heartbeat.add_held_group_ids(id);
}

void RolloutWorker::UpdateStatus(const std::string& phase) {
  const RolloutEngine::Stats stats = engine_ == nullptr ? RolloutEngine::Stats{} : engine_->stats();
  response_tokens_.Increment(static_cast<double>(stats.response_tokens - counted_.response_tokens));
  prompt_tokens_.Increment(static_cast<double>(stats.prompt_tokens - counted_.prompt_tokens));
  preemptions_.Increment(static_cast<double>(stats.preemptions - counted_.preemptions));
  counted_ = stats;
  policy_version_.Set(static_cast<double>(stats.policy_version));
  kv_utilization_.Set(stats.kv_utilization);
  running_sequences_.Set(stats.running_sequences);
  waiting_sequences_.Set(stats.waiting_sequences);

  absl::MutexLock lock(&mutex_);
  held_groups_.Set(static_cast<double>(held_.size()));
  status_.set_policy_version(stats.policy_version);
  status_.set_response_tokens(stats.response_tokens);
  status_.set_prompt_tokens(stats.prompt_tokens);
  status_.set_running_sequences(static_cast<uint32_t>(stats.running_sequences));
  status_.set_waiting_sequences(static_cast<uint32_t>(stats.waiting_sequences));
  status_.set_kv_utilization(static_cast<float>(stats.kv_utilization));
  status_.set_phase(phase);
}

}  // namespace maspo
