#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "learner/advantage/advantage_estimator.h"
#include "learner/buffer/trajectory_buffer.h"
#include "learner/checkpoint/checkpoint.h"
#include "learner/control/run_control.h"
#include "learner/evaluation/evaluator.h"
#include "learner/ledger/ledger.h"
#include "learner/metrics/run_journal.h"
#include "learner/metrics/sample_log.h"
#include "learner/prompts/prompt_leaser.h"
#include "learner/publish/weight_publisher.h"
#include "learner/update/behavior_correction.h"
#include "learner/update/learning_rate.h"
#include "learner/update/policy_update.h"
#include "services/base/stop_signal.h"

namespace maspo {

// The learner's loop, one training step a turn:
//
//   take groups -> advantages -> old log-probs -> mini-batches -> publish version + 1 -> ledger -> evaluate -> row,
//   checkpoint
//
// Policy version v is what v training steps made. Ends with ok when all planned steps are done; Aborted after a stall
// of stall_timeout, whose message says what was awaited and which workers were heard of last; Cancelled when stopped,
// after a checkpoint of the last finished step.
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
    uint64_t eval_interval = 0;        // 0 = before and after the run.
    uint64_t checkpoint_interval = 0;  // 0 = at the end.
    absl::Duration stall_timeout = absl::Minutes(10);
  };

  // What the loop works with, in the order of the flow; all outlive it.
  struct Parts {
    PromptLeaser* leaser;
    TrajectoryBuffer* buffer;
    const AdvantageEstimator* advantage;
    Transformer* policy;
    PolicyUpdate* update;
    AdamW* optimizer;
    const LearningRateSchedule* learning_rate;
    WeightPublisher* publisher;
    Evaluator* evaluator;  // Null without held-out problems.
    Ledger* ledger;
    RunJournal* journal;
    SampleLog* sample_log;
    CheckpointStore* checkpoints;
    RunControl* control;
    const StopSignal* stop;
  };

  TrainingLoop(const Options& options, const Parts& parts) : options_(options), parts_(parts) {}

  // Starts after state.step, whose weights and optimizer state are loaded.
  absl::Status Run(RunState state);

 private:
  using Values = std::map<std::string, double>;

  absl::StatusOr<std::vector<v1::TrajectoryGroup>> AwaitGroups(Values& row);
  absl::Status Train(std::vector<v1::TrajectoryGroup> groups, RunState& state, Values& row);
  void PrepareLogprobs(std::vector<TrainingGroup>& groups, Values& row);
  void Update(const std::vector<TrainingGroup>& groups, uint64_t step, RunState& state, Values& row);
  absl::Status Publish(int64_t policy_version);
  absl::Status Evaluate(const RunState& state, Values& row);
  absl::Status Checkpoint(const RunState& state);
  absl::Status Stalled(const std::string& awaited) const;
  bool IsDue(uint64_t step, uint64_t interval) const;

  const Options options_;
  const Parts parts_;
};

}  // namespace maspo
