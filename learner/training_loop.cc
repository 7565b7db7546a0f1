#include "learner/training_loop.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <random>
#include <utility>

#include "absl/strings/str_cat.h"
#include "learner/metrics/metric_catalog.h"
#include "learner/training_groups.h"
#include "services/base/limited_log.h"
#include "services/base/status_macros.h"

namespace maspo {
namespace {

constexpr absl::Duration kTurn = absl::Milliseconds(500);  // Of a wait, before it looks around.

// Seconds since the lap before.
class Stopwatch {
 public:
  double Lap() {
    const absl::Time now = SteadyNow();
    return absl::ToDoubleSeconds(now - std::exchange(lap_, now));
  }
  double Total() const { return absl::ToDoubleSeconds(SteadyNow() - start_); }

 private:
  const absl::Time start_ = SteadyNow();
  absl::Time lap_ = start_;
};

}  // namespace

absl::Status TrainingLoop::Run(RunState state) {
  state_ = state;
  saved_step_ = state.step;
  last_save_ = options_.now();
  const absl::Status status = RunSteps();
  if (!status.ok()) return EndEarly(status);
  if (state_.skipped_updates > 0) {
    return absl::AbortedError(
        absl::StrCat(state_.skipped_updates, " of ", state_.planned_updates,
                     " planned updates were skipped, because "
                     "their loss or gradient was not finite; lower learner.optimizer.learning_rate"));
  }
  return parts_.book->Balance();
}

absl::Status TrainingLoop::RunSteps() {
  if (state_.step >= options_.total_steps) {
    spdlog::info("nothing to do: {} steps were done already, run.steps is {}", state_.step, options_.total_steps);
  }
  parts_.control->SetStep(state_.step, static_cast<int64_t>(state_.step), {});
  MASPO_RETURN_IF_ERROR(Publish());
  MASPO_RETURN_IF_ERROR(EvaluateIfDue());  // The initial weights, or what a stop cut short.

  while (state_.step < options_.total_steps) {
    MASPO_RETURN_IF_ERROR(LookAtSave());
    StepReport report;
    report.step = state_.step + 1;
    report.times.checkpoint = std::exchange(last_save_s_, std::nullopt);
    Stopwatch watch;
    MASPO_ASSIGN_OR_RETURN(std::vector<v1::TrajectoryGroup> groups, AwaitGroups(report));
    report.times.rollout_wait = watch.Lap();
    MASPO_RETURN_IF_ERROR(Train(groups, report));
    watch.Lap();
    MASPO_RETURN_IF_ERROR(FinishStep(groups, report));
    const absl::Status published = parts_.stop->stop_requested() ? absl::OkStatus() : Publish();
    report.times.publish = watch.Lap();
    report.times.step = watch.Total();
    const std::map<std::string, double> row = ValuesOf(report);
    MASPO_RETURN_IF_ERROR(parts_.journal->Record({state_.step, row}));
    parts_.control->SetStep(state_.step, static_cast<int64_t>(state_.step), row);
    MASPO_RETURN_IF_ERROR(published);  // The step is finished all the same.
    MASPO_RETURN_IF_ERROR(SaveIfDue());
    MASPO_RETURN_IF_ERROR(EvaluateIfDue());
  }
  return AwaitSave();
}

absl::StatusOr<std::vector<v1::TrajectoryGroup>> TrainingLoop::AwaitGroups(StepReport& report) {
  std::vector<v1::TrajectoryGroup> step;
  WaitGuard guard = Guard();
  uint64_t replaced = 0;
  while (step.size() < options_.prompts_per_step) {
    const StepSource::Arrivals arrivals = parts_.buffer->arrivals();
    // Whether dynamic sampling keeps a group is only known when the step takes it.
    const uint64_t kept = options_.dynamic_sampling ? step.size() : arrivals.groups;
    MASPO_RETURN_IF_ERROR(guard.Check(
        {.arrived = arrivals.groups, .kept = kept, .replaced = replaced, .given_up = parts_.book->given_up()},
        "rollout", absl::StrCat(step.size() + arrivals.waiting, " of ", options_.prompts_per_step, " groups")));
    auto groups = parts_.buffer->TakeStep(options_.prompts_per_step - step.size(), SteadyNow() + kTurn);
    if (absl::IsDeadlineExceeded(groups.status())) continue;
    MASPO_RETURN_IF_ERROR(groups.status());
    if (options_.dynamic_sampling) {
      const std::vector<std::string> ids = TakeOutAllOrNoneCorrect(*groups);
      MASPO_RETURN_IF_ERROR(parts_.book->Dropped(ids, "all_or_none_correct"));
      replaced += ids.size();
    }
    std::move(groups->begin(), groups->end(), std::back_inserter(step));
  }
  if (options_.dynamic_sampling) report.replaced_groups = replaced;
  return step;
}

// From groups to new weights, which belong to no finished step yet.
absl::Status TrainingLoop::Train(std::vector<v1::TrajectoryGroup>& taken, StepReport& report) {
  Stopwatch watch;
  MASPO_RETURN_IF_ERROR(parts_.journal->RecordSample(report.step, taken.front()));
  if (options_.shuffle) ShuffleGroups(taken, options_.seed, report.step);
  MASPO_RETURN_IF_ERROR(parts_.journal->RecordGroups(report.step, taken));
  auto [groups, statistics] = ToTrainingGroups(taken, *parts_.advantage, static_cast<int64_t>(state_.step));
  report.groups = statistics;
  if (const auto why = WhyNothingIsTaught(statistics, groups.size())) {
    static LimitedLog log;
    log.Warn("step {} teaches nothing: {}", report.step, *why);
  }
  report.queue_depth = parts_.buffer->arrivals().waiting;

  parts_.control->SetPhase("old_logprobs", "");
  MASPO_RETURN_IF_ERROR(PrepareLogprobs(groups, report));
  report.times.old_logprobs = watch.Lap();

  parts_.control->SetPhase("update", "");
  report.learning_rate = parts_.learning_rate->At(static_cast<int64_t>(report.step));
  MASPO_ASSIGN_OR_RETURN(report.update, Update(groups, report));
  report.times.update = watch.Lap();
  last_update_s_ = report.times.update;
  return absl::OkStatus();
}

// Old log-probabilities of every token, and what is measured from them.
absl::Status TrainingLoop::PrepareLogprobs(std::vector<TrainingGroup>& groups, StepReport& report) {
  MASPO_ASSIGN_OR_RETURN(report.logprobs, parts_.trainer->ComputeLogprobs(groups, parts_.stop));
  report.correction = SettleOldLogprobs(options_.recompute_old_logprobs, options_.behavior_correction, groups);
  return absl::OkStatus();
}

// One optimizer step for each mini-batch, in the order of the groups. From the first one on, the trainer's state is no
// longer that of the last finished step. A stop still finds that one
//   - on the disk, when a checkpoint of it is there or is being written (or it is the initial one): the updates are
//   given up;
//   - in main memory, kept beforehand when the updates will take longer than stop_grace, as the last ones did:
//   likewise;
//   - by waiting for the rest of the updates, which then is short: the step is finished.
absl::StatusOr<UpdateStatistics> TrainingLoop::Update(const std::vector<TrainingGroup>& groups,
                                                      const StepReport& report) {
  const bool is_saved = saved_step_ == state_.step || (saving_.valid() && saving_step_ == state_.step);
  if (!is_saved && absl::Seconds(last_update_s_.value_or(0)) > options_.stop_grace) {
    MASPO_RETURN_IF_ERROR(parts_.trainer->Keep());
    can_go_back_ = true;
  }
  UpdateStatistics statistics;
  for (size_t first = 0; first < groups.size(); first += options_.mini_batch_groups) {
    const StopSignal* const stop = is_saved || can_go_back_ || !is_dirty_ ? parts_.stop : nullptr;
    const size_t count = std::min<size_t>(options_.mini_batch_groups, groups.size() - first);
    MASPO_ASSIGN_OR_RETURN(
        const UpdateResult result,
        parts_.trainer->Apply(absl::MakeConstSpan(groups).subspan(first, count), report.learning_rate, stop));
    is_dirty_ |= result.applied;
    statistics.Add(result);
    if (!result.applied) {
      spdlog::error("step {}: the update over groups {} to {} has a loss or gradient that is not finite; it is skipped",
                    report.step, groups[first].group_id, groups[first + count - 1].group_id);
    }
  }
  return statistics;
}

// From here on the new state is that of a finished step, and the books say so.
absl::Status TrainingLoop::FinishStep(const std::vector<v1::TrajectoryGroup>& groups, StepReport& report) {
  parts_.control->SetPhase("publish", "");
  std::vector<std::string> ids;
  for (const v1::TrajectoryGroup& group : groups) ids.push_back(group.group_id());
  is_dirty_ = true;  // Once the books have begun to say so, there is no way back to the last step.
  can_go_back_ = false;
  MASPO_RETURN_IF_ERROR(parts_.book->Trained(report.step, ids));
  MASPO_RETURN_IF_ERROR(parts_.book->Sync().status());
  MASPO_RETURN_IF_ERROR(parts_.book->Balance());
  state_.step = report.step;
  state_.planned_updates += static_cast<uint64_t>(report.update.updates);
  state_.skipped_updates += static_cast<uint64_t>(report.update.skipped);
  is_dirty_ = false;

  report.total_updates = parts_.trainer->num_updates();
  report.skipped_updates = state_.skipped_updates;
  report.push = parts_.publisher->TakeStatistics();  // Of the version this step was sampled with.
  return absl::OkStatus();
}

// The last finished step's weights as its version.
absl::Status TrainingLoop::Publish() {
  parts_.buffer->OnVersion(state_.step);  // First: a result of this version may come at once.
  MASPO_RETURN_IF_ERROR(parts_.trainer->Publish(static_cast<int64_t>(state_.step), parts_.publisher));
  parts_.book->OnVersion(state_.step);
  return absl::OkStatus();
}

bool TrainingLoop::IsDue(uint64_t interval) const {
  return state_.step == options_.total_steps || (interval > 0 && state_.step % interval == 0);
}

absl::Status TrainingLoop::EvaluateIfDue() {
  const bool is_due = state_.step == 0 || (state_.step <= options_.total_steps && IsDue(options_.eval_interval));
  if (parts_.evaluation == nullptr || !is_due || parts_.journal->HasEvaluation(state_.step)) return absl::OkStatus();
  Stopwatch watch;
  WaitGuard guard = Guard();
  parts_.evaluation->Begin(state_.step);
  const size_t asked_for = parts_.evaluation->missing();
  while (true) {
    const size_t missing = parts_.evaluation->missing();
    MASPO_RETURN_IF_ERROR(guard.Check({.arrived = asked_for - missing, .kept = asked_for - missing}, "evaluate",
                                      absl::StrCat(asked_for - missing, " of ", asked_for, " held-out groups")));
    auto report = parts_.evaluation->Await(SteadyNow() + kTurn);
    if (absl::IsDeadlineExceeded(report.status())) continue;
    MASPO_RETURN_IF_ERROR(report.status());
    report->seconds = watch.Total();
    return parts_.journal->RecordEvaluation({state_.step, ValuesOf(*report)});
  }
}

absl::Status TrainingLoop::SaveIfDue() {
  const bool is_due = IsDue(options_.checkpoint_interval) || options_.now() - last_save_ >= options_.checkpoint_period;
  if (!is_due) return absl::OkStatus();
  Stopwatch watch;
  MASPO_RETURN_IF_ERROR(BeginSave());
  last_save_s_ = watch.Lap();
  return absl::OkStatus();
}

absl::Status TrainingLoop::BeginSave() {
  parts_.control->SetPhase("checkpoint", "");
  MASPO_RETURN_IF_ERROR(AwaitSave());
  RunState saved = state_;
  MASPO_ASSIGN_OR_RETURN(const TrainingBook::Mark books, parts_.book->Sync());
  saved.ledger_offset = books.ledger_offset;
  saved.prompt_cursor = books.groups_issued;
  saved.num_updates = parts_.trainer->num_updates();
  last_save_ = options_.now();
  saving_step_ = state_.step;
  const std::optional<std::string> folder = parts_.checkpoints->Prepare(state_.step);
  if (!folder) {
    saved_step_ = state_.step;
    return absl::OkStatus();
  }
  auto finish = parts_.trainer->Save(*folder);
  if (!finish.ok()) return parts_.checkpoints->Commit(saved, finish.status());
  saving_ = std::async(std::launch::async, [store = parts_.checkpoints, saved, finish = *std::move(finish)] {
    return store->Commit(saved, finish());
  });
  return absl::OkStatus();
}

// Waits for the checkpoint that is being written.
absl::Status TrainingLoop::AwaitSave() {
  if (!saving_.valid()) return absl::OkStatus();
  MASPO_RETURN_IF_ERROR(saving_.get());
  saved_step_ = saving_step_;
  return absl::OkStatus();
}

// Hears of one that could not be written soon after.
absl::Status TrainingLoop::LookAtSave() {
  const bool is_over = saving_.valid() && saving_.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
  return is_over ? AwaitSave() : absl::OkStatus();
}

// Makes sure that the last finished step is on the disk, and says so behind the reason for the end.
absl::Status TrainingLoop::EndEarly(const absl::Status& why) {
  const std::string end = absl::IsCancelled(why)
                              ? absl::StrCat("stopped after step ", state_.step, " of ", options_.total_steps)
                              : std::string(why.message());
  const auto with = [&](const std::string& rest) { return absl::Status(why.code(), absl::StrCat(end, "; ", rest)); };
  if (state_.step == 0) return with("no step is finished yet, --resume starts from the beginning");
  if (const absl::Status earlier = AwaitSave(); !earlier.ok()) {
    spdlog::error("the checkpoint of step {} could not be written: {}", saving_step_, std::string(earlier.message()));
  }
  if (saved_step_ != state_.step) {
    const std::string from = saved_step_ == 0 ? "from the beginning" : absl::StrCat("after step ", saved_step_);
    if (is_dirty_ && !can_go_back_) return with(absl::StrCat("--resume goes on ", from));
    if (std::exchange(is_dirty_, false)) parts_.trainer->GoBack();
    absl::Status saved = BeginSave();
    saved.Update(AwaitSave());
    if (!saved.ok()) {
      return with(absl::StrCat("its checkpoint could not be written (", std::string(saved.message()),
                               "), --resume goes on ", from));
    }
  }
  return with(absl::StrCat("the checkpoint of step ", state_.step, " is written, --resume goes on"));
}

}  // namespace maspo
