#pragma once

#include <cstdint>
#include <functional>
#include <future>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "learner/advantage/advantage_estimator.h"
#include "learner/buffer/step_source.h"
#include "learner/checkpoint/checkpoint.h"
#include "learner/evaluation/held_out_evaluation.h"
#include "learner/metrics/step_journal.h"
#include "learner/metrics/step_report.h"
#include "learner/prompts/training_book.h"
#include "learner/publish/policy_publisher.h"
#include "learner/update/behavior_correction.h"
#include "learner/update/learning_rate.h"
#include "learner/update/policy_trainer.h"
#include "learner/wait_guard.h"
#include "services/base/steady_clock.h"

namespace maspo {

// The learner's loop, one training step a turn:
//
//   take groups -> advantages -> old log-probs -> mini-batches -> ledger -> publish version + 1 -> row -> checkpoint ->
//   evaluation
//
// Policy version v is what v training steps made. Ends with ok when all planned steps are done; Cancelled when stopped,
// Aborted without progress (WaitGuard), or with the error of a part. However it ends, a checkpoint of the last finished
// step is there, whose row is written; a step or evaluation that was under way is done again by the run that goes on.
// Checkpoints are written on a thread of their own while the next step begins.
//
// One thread calls Run(), once.
class TrainingLoop {
 public:
  struct Options {
    uint64_t total_steps = 0;
    uint64_t prompts_per_step = 0;
    uint32_t mini_batch_groups = 0;
    uint64_t seed = 0;
    bool shuffle = true;                 // Order of groups within a step.
    bool recompute_old_logprobs = true;  // False: the sampler's log-probabilities are the old ones.
    bool dynamic_sampling = false;       // Groups without variance are dropped and replaced.
    BehaviorCorrection behavior_correction;
    uint64_t eval_interval = 0;                                   // 0 = before and after the run.
    uint64_t checkpoint_interval = 0;                             // 0 = at the end.
    absl::Duration checkpoint_period = absl::InfiniteDuration();  // After the step that reaches it.
    absl::Duration stop_grace = absl::Seconds(10);                // Longer updates are not waited for, see Update().
    absl::Duration stall_timeout = absl::Minutes(10);
    std::function<absl::Time()> now = SteadyNow;
  };

  // What the loop works with, in the order of the flow; all outlive it.
  struct Parts {
    TrainingBook* book;
    StepSource* buffer;
    const AdvantageEstimator* advantage;
    PolicyTrainer* trainer;
    const LearningRateSchedule* learning_rate;
    PolicyPublisher* publisher;
    HeldOutEvaluation* evaluation;  // Null without held-out problems.
    StepJournal* journal;
    CheckpointStore* checkpoints;
    RunControl* control;
    const FatalCause* fatal;
    const StopSignal* stop;
  };

  TrainingLoop(const Options& options, const Parts& parts) : options_(options), parts_(parts) {}

  // Starts after state.step, whose weights and optimizer state are loaded from its checkpoint; 0 = the initial ones.
  absl::Status Run(RunState state);

 private:
  absl::Status RunSteps();
  absl::StatusOr<std::vector<v1::TrajectoryGroup>> AwaitGroups(StepReport& report);
  absl::Status Train(std::vector<v1::TrajectoryGroup>& taken, StepReport& report);
  absl::Status PrepareLogprobs(std::vector<TrainingGroup>& groups, StepReport& report);
  absl::StatusOr<UpdateStatistics> Update(const std::vector<TrainingGroup>& groups, const StepReport& report);
  absl::Status FinishStep(const std::vector<v1::TrajectoryGroup>& groups, StepReport& report);
  absl::Status Publish();
  absl::Status EvaluateIfDue();
  absl::Status SaveIfDue();
  absl::Status BeginSave();
  absl::Status AwaitSave();
  absl::Status LookAtSave();
  absl::Status EndEarly(const absl::Status& why);
  bool IsDue(uint64_t interval) const;
  WaitGuard Guard() const {
    return {{parts_.control, parts_.fatal, parts_.stop, parts_.publisher}, options_.stall_timeout};
  }

  const Options options_;
  const Parts parts_;
  RunState state_;                       // Of the last finished step.
  uint64_t saved_step_ = 0;              // Whose state is on the disk, or that of the initial weights.
  std::future<absl::Status> saving_;     // How the writing of the checkpoint of
  uint64_t saving_step_ = 0;             // this step ends; invalid when none is being written.
  absl::Time last_save_;                 // Or start.
  bool is_dirty_ = false;                // The trainer's state has updates of a step that is not finished,
  bool can_go_back_ = false;             // and keeps the one before them.
  std::optional<double> last_update_s_;  // How long the updates of the last step took.
  std::optional<double> last_save_s_;    // Since the last row, whose successor tells it.
};

}  // namespace maspo
