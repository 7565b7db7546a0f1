#include "learner/training_loop.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <random>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "learner/training_groups.h"
#include "services/base/status_macros.h"

namespace maspo {
namespace {

// Adds the time since the last lap to a row, under the lap's name.
class Stopwatch {
 public:
  explicit Stopwatch(std::map<std::string, double>& row) : row_(row), lap_(absl::Now()), start_(lap_) {}
  void Lap(const std::string& name) {
    const absl::Time now = absl::Now();
    row_[name] += absl::ToDoubleSeconds(now - lap_);
    lap_ = now;
  }
  double Total() const { return absl::ToDoubleSeconds(absl::Now() - start_); }

 private:
  std::map<std::string, double>& row_;
  absl::Time lap_;
  const absl::Time start_;
};

// The same permutation for the same (seed, step), on every platform and after every restart.
void ShuffleGroups(std::vector<TrainingGroup>& groups, uint64_t seed, uint64_t step) {
  std::seed_seq sequence{seed & 0xffffffffu, seed >> 32, step & 0xffffffffu, step >> 32};
  std::mt19937_64 random(sequence);
  for (size_t i = groups.size(); i > 1; --i) std::swap(groups[i - 1], groups[random() % i]);
}

}  // namespace

absl::Status TrainingLoop::Run(RunState state) {
  parts_.control->SetStep(state.step, static_cast<int64_t>(state.step), {});
  MASPO_RETURN_IF_ERROR(Publish(static_cast<int64_t>(state.step)));
  if (state.step == 0) {
    Values initial;
    MASPO_RETURN_IF_ERROR(Evaluate(state, initial));
  }

  Values carried;  // Times of what comes after a row is written: they are part of the next one.
  while (state.step < options_.total_steps) {
    Values row = std::move(carried);
    carried.clear();
    Stopwatch watch(row);
    auto groups = AwaitGroups(row);
    watch.Lap("time/rollout_wait_s");
    if (absl::IsCancelled(groups.status())) {
      MASPO_RETURN_IF_ERROR(Checkpoint(state));
      return absl::CancelledError(absl::StrCat("stopped after step ", state.step, " of ", options_.total_steps,
                                               "; its checkpoint is written, --resume goes on"));
    }
    MASPO_RETURN_IF_ERROR(groups.status());
    MASPO_RETURN_IF_ERROR(Train(*std::move(groups), state, row));
    row["time/step_s"] = watch.Total();
    row["throughput/response_tokens_per_s"] = row["response/tokens"] / row["time/step_s"];
    if (IsDue(state.step, options_.eval_interval)) MASPO_RETURN_IF_ERROR(Evaluate(state, row));
    MASPO_RETURN_IF_ERROR(parts_.journal->Record({state.step, row}));
    parts_.control->SetStep(state.step, static_cast<int64_t>(state.step), row);

    if (IsDue(state.step, options_.checkpoint_interval)) {
      Stopwatch checkpoint_watch(carried);
      MASPO_RETURN_IF_ERROR(Checkpoint(state));
      checkpoint_watch.Lap("time/checkpoint_s");
    }
  }
  if (state.skipped_updates > 0) {
    return absl::AbortedError(
        absl::StrCat(state.skipped_updates, " of ", state.planned_updates,
                     " planned updates were skipped, because "
                     "their loss or gradient was not finite; lower learner.optimizer.learning_rate"));
  }
  return parts_.ledger->Balance();
}

bool TrainingLoop::IsDue(uint64_t step, uint64_t interval) const {
  return step == options_.total_steps || (interval > 0 && step % interval == 0);
}

absl::StatusOr<std::vector<v1::TrajectoryGroup>> TrainingLoop::AwaitGroups(Values& row) {
  std::vector<v1::TrajectoryGroup> step;
  uint64_t dropped = 0;
  absl::Time give_up = absl::Now() + options_.stall_timeout;
  while (step.size() < options_.prompts_per_step) {
    const uint64_t ready = step.size() + parts_.buffer->stats().waiting;
    const std::string awaited = absl::StrCat(ready, " of ", options_.prompts_per_step, " groups");
    parts_.control->SetPhase("rollout", awaited);
    auto groups =
        parts_.buffer->TakeStep(options_.prompts_per_step - step.size(), absl::Now() + absl::Milliseconds(500));
    if (parts_.stop->stop_requested()) return absl::CancelledError("stop requested");
    if (absl::IsDeadlineExceeded(groups.status())) {
      if (absl::Now() > give_up) return Stalled(awaited);
      continue;
    }
    MASPO_RETURN_IF_ERROR(groups.status());
    if (options_.dynamic_sampling) {
      const std::vector<std::string> ids = TakeOutAllOrNoneCorrect(*groups);
      MASPO_RETURN_IF_ERROR(parts_.leaser->OnDropped(ids, "all_or_none_correct"));
      dropped += ids.size();
    }
    if (!groups->empty()) give_up = absl::Now() + options_.stall_timeout;
    std::move(groups->begin(), groups->end(), std::back_inserter(step));
  }
  if (options_.dynamic_sampling) row["group/replaced"] = static_cast<double>(dropped);
  return step;
}

absl::Status TrainingLoop::Stalled(const std::string& awaited) const {
  std::string message =
      absl::StrCat("no progress for ", absl::FormatDuration(options_.stall_timeout), ": the learner has ", awaited);
  const auto status = parts_.control->GetStatus();
  if (!status.ok() || status->workers().empty()) {
    absl::StrAppend(&message,
                    " and no rollout worker is registered; start one with network.learner set to this learner");
  } else {
    for (const v1::WorkerSummary& worker : status->workers()) {
      absl::StrAppend(&message, "; ", worker.worker_name(), " (version ", worker.status().policy_version(), ", ",
                      worker.status().groups_in_flight(), " groups) is ", worker.status().phase());
    }
  }
  return absl::AbortedError(message);
}

// Old log-probabilities of every token, and what is measured from them.
void TrainingLoop::PrepareLogprobs(std::vector<TrainingGroup>& groups, Values& row) {
  const PolicyUpdate::LogprobStatistics logprobs = parts_.update->RecomputeOldLogprobs(groups);
  row["policy/entropy"] = logprobs.entropy_mean;
  row["mismatch/logprob_abs_mean"] = logprobs.mismatch_abs_mean;
  row["mismatch/logprob_abs_max"] = logprobs.mismatch_abs_max;
  if (!options_.recompute_old_logprobs) {
    for (TrainingGroup& group : groups) {
      for (TrainingResponse& response : group.responses) response.old_logprobs = response.behavior_logprobs;
    }
  }
  parts_.update->ComputeReferenceLogprobs(groups);
  if (options_.behavior_correction.is_off()) return;
  const BehaviorCorrection::Statistics correction = options_.behavior_correction.Apply(absl::MakeSpan(groups));
  row["mismatch/correction_mean"] = correction.weight_mean;
  row["mismatch/truncated_fraction"] = correction.truncated_fraction;
  row["mismatch/rejected_fraction"] = correction.rejected_fraction;
}

// One optimizer step for each mini-batch, in the order of the groups.
void TrainingLoop::Update(const std::vector<TrainingGroup>& groups, uint64_t step, RunState& state, Values& row) {
  const double learning_rate = parts_.learning_rate->At(static_cast<int64_t>(step));
  PolicyMetrics metrics;
  double loss_sum = 0, grad_norm_sum = 0, grad_norm_max = 0;
  int updates = 0;
  for (size_t first = 0; first < groups.size(); first += options_.mini_batch_groups) {
    const size_t count = std::min<size_t>(options_.mini_batch_groups, groups.size() - first);
    const PolicyUpdate::Result result =
        parts_.update->Apply(absl::MakeConstSpan(groups).subspan(first, count), learning_rate);
    ++updates;
    ++state.planned_updates;
    if (!result.applied) {
      ++state.skipped_updates;
      spdlog::error("step {}: the update over groups {} to {} has a loss or gradient that is not finite; it is skipped",
                    step, groups[first].group_id, groups[first + count - 1].group_id);
      continue;
    }
    metrics.Merge(result.metrics);
    loss_sum += result.loss;
    grad_norm_sum += result.grad_norm;
    grad_norm_max = std::max(grad_norm_max, result.grad_norm);
  }
  row.merge(metrics.Summary());
  row["optim/loss"] = loss_sum / updates;
  row["optim/grad_norm"] = grad_norm_sum / updates;
  row["optim/grad_norm_max"] = grad_norm_max;
  row["optim/learning_rate"] = learning_rate;
  row["optim/updates"] = static_cast<double>(parts_.optimizer->num_updates());
  row["optim/skipped_updates"] = static_cast<double>(state.skipped_updates);
}

absl::Status TrainingLoop::Train(std::vector<v1::TrajectoryGroup> taken, RunState& state, Values& row) {
  const auto policy_version = static_cast<int64_t>(state.step);
  const uint64_t step = state.step + 1;
  Stopwatch watch(row);
  std::vector<TrainingGroup> groups = ToTrainingGroups(taken, *parts_.advantage, policy_version, row);
  row["queue/depth"] = static_cast<double>(parts_.buffer->stats().waiting);
  MASPO_RETURN_IF_ERROR(parts_.sample_log->Record(step, taken.front()));

  parts_.control->SetPhase("old_logprobs", "");
  PrepareLogprobs(groups, row);
  watch.Lap("time/old_logprobs_s");

  parts_.control->SetPhase("update", "");
  if (options_.shuffle) ShuffleGroups(groups, options_.seed, step);
  Update(groups, step, state, row);
  watch.Lap("time/update_s");

  parts_.control->SetPhase("publish", "");
  std::vector<std::string> ids;
  for (const v1::TrajectoryGroup& group : taken) ids.push_back(group.group_id());
  MASPO_RETURN_IF_ERROR(parts_.leaser->OnTrained(step, ids));
  MASPO_RETURN_IF_ERROR(parts_.ledger->Sync());
  MASPO_RETURN_IF_ERROR(parts_.ledger->Balance());
  state.step = step;
  const WeightPublisher::Statistics push =
      parts_.publisher->TakeStatistics();  // Of the version this step was sampled with.
  row["weights/push_s"] = push.push_seconds_max;
  row["weights/receivers"] = static_cast<double>(push.acknowledged);
  row["weights/failed_epochs"] = static_cast<double>(push.failed_epochs);
  MASPO_RETURN_IF_ERROR(Publish(static_cast<int64_t>(step)));
  row["policy_version"] = static_cast<double>(step);
  watch.Lap("time/publish_s");
  return absl::OkStatus();
}

absl::Status TrainingLoop::Publish(int64_t policy_version) {
  parts_.publisher->Publish(parts_.policy->parameters(), parts_.policy->config(), policy_version);
  parts_.buffer->OnVersion(static_cast<uint64_t>(policy_version));
  parts_.leaser->OnVersion(static_cast<uint64_t>(policy_version));
  return absl::OkStatus();
}

absl::Status TrainingLoop::Evaluate(const RunState& state, Values& row) {
  if (parts_.evaluator == nullptr) return absl::OkStatus();
  Stopwatch watch(row);
  parts_.evaluator->Begin(state.step);
  const absl::Time give_up = absl::Now() + options_.stall_timeout;
  while (true) {
    const std::string awaited = absl::StrCat(parts_.evaluator->missing(), " held-out groups");
    parts_.control->SetPhase("evaluate", awaited);
    auto scores = parts_.evaluator->Await(absl::Now() + absl::Milliseconds(500));
    if (parts_.stop->stop_requested())
      return absl::CancelledError("stopped during an evaluation; --resume goes on from the last checkpoint");
    if (scores.ok()) {
      watch.Lap("time/evaluate_s");
      (*scores)["time/evaluate_s"] = row["time/evaluate_s"];
      MASPO_RETURN_IF_ERROR(parts_.journal->RecordEvaluation({state.step, *scores}));
      row.insert(scores->begin(), scores->end());
      return absl::OkStatus();
    }
    if (!absl::IsDeadlineExceeded(scores.status())) return scores.status();
    if (absl::Now() > give_up) return Stalled(absl::StrCat("been waiting for ", awaited));
  }
}

absl::Status TrainingLoop::Checkpoint(const RunState& state) {
  parts_.control->SetPhase("checkpoint", "");
  RunState saved = state;
  MASPO_RETURN_IF_ERROR(parts_.ledger->Sync());
  saved.ledger_offset = parts_.ledger->offset();
  saved.prompt_cursor = parts_.ledger->counts().issued;
  return parts_.checkpoints->Save(saved, *parts_.policy, *parts_.optimizer);
}

}  // namespace maspo
