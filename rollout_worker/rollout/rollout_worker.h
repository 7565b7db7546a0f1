#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "model/tokenizer.h"
#include "rollout_worker/rollout/group_generator.h"
#include "rollout_worker/rollout/group_scorer.h"
#include "rollout_worker/rollout/held_groups.h"
#include "rollout_worker/rollout/problems.h"
#include "rollout_worker/rollout/rollout_metrics.h"
#include "rollout_worker/rollout/worker_session.h"
#include "rollout_worker/weights/weight_receiver.h"
#include "services/base/closable_queue.h"
#include "services/base/metrics.h"
#include "services/base/steady_mutex.h"

namespace maspo {

// The whole of a rollout worker, from leased prompts to submitted groups:
//
//   lease thread --leases--> engine thread --groups--> score threads --> trajectories
//   weight thread --newest weights--^    taken between two decode steps
//   session's heartbeat thread: liveness and counters
//
// A group waits until the worker serves its min_policy_version. When the learner forgot this worker (another
// registration of the session) everything in flight is dropped: others have the leases.
//
// It ends when its session does, all of it within a moment: every wait is woken and every call in flight returns.
//
// Run() is called once; Stop() from any thread.
class RolloutWorker {
 public:
  struct Options {
    WorkerSession::Options session;
    RolloutEngine::Options engine;
    WeightReceiver::Options weights;
    GroupScorer::Options scoring;
    int groups_in_flight = 16;                // Leases held before their groups are complete.
    int scoring_concurrency = 16;             // Groups being scored at a time; as many may wait for it.
    absl::Duration poll = absl::Seconds(10);  // Length of a long poll.
  };
  struct Hops {
    Membership* membership;
    PromptSource* prompts;
    WeightChannel* weights;
    AnswerScorer* scorer;
    TrajectorySink* trajectories;
    std::function<void()> close;  // Ends every call in flight, and later ones, with Cancelled.
  };

  // `problems` hears of what goes wrong, also from the hops themselves.
  RolloutWorker(const Options& options, Hops hops, ModelConfig config, const Tokenizer* tokenizer, Problems* problems,
                Metrics& metrics);

  // Works until the run is over (ok), Stop() (Cancelled), or an error that no retry can mend.
  absl::Status Run();
  void Stop();
  const StopSignal& ended() const { return session_.ended(); }  // The rest of Run() takes no more than one step.
  absl::Status status() const { return session_.status(); }     // What it ended with.

 private:
  // What the engine's loop takes in between two steps.
  struct Intake {
    std::vector<HeldLease> leases;
    std::optional<ReceivedWeights> weights;
  };

  // All of them are unblocked by the session's end.
  absl::Status EngineLoop();  // Consumes leases and weights, produces groups; waits for either.
  absl::Status LeaseLoop();   // Produces leases while there is room for them.
  absl::Status WeightLoop();  // Produces weights.
  absl::Status ScoreLoop();   // Consumes groups; waits for them.

  Intake TakeIntake(bool wait);
  void Forget(const std::string& worker_id, const std::vector<std::string>& group_ids);
  void HandOver(GroupGenerator::Output output);
  // What a failed call to the learner means: ok = go on (after registering anew, or waiting), else end the loop.
  absl::Status Recover(const absl::Status& error, const std::string& worker_id);
  bool HasEnded() const { return session_.ended().stop_requested(); }
  void OnEnd();
  void Report(v1::HeartbeatRequest& heartbeat) const;
  void UpdateStatus(const GroupGenerator& generator);

  const Options options_;
  const Hops hops_;
  const ModelConfig config_;
  Problems* const problems_;
  RolloutMetrics metrics_;
  WeightReceiver receiver_;
  GroupScorer scorer_;
  ClosableQueue<GeneratedGroup> finished_;  // As many as may be held: nobody waits to hand one over.

  mutable SteadyMutex mutex_;
  HeldGroups held_ ABSL_GUARDED_BY(mutex_);
  std::optional<ReceivedWeights> weights_ ABSL_GUARDED_BY(mutex_);  // The newest, not taken yet.
  v1::WorkerStatus status_ ABSL_GUARDED_BY(mutex_);
  WorkerSession session_;  // Last: its end touches what is above.
};

}  // namespace maspo
