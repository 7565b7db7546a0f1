#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "model/tokenizer.h"
#include "rollout_worker/engine/rollout_engine.h"
#include "rollout_worker/rollout/group_assembler.h"
#include "rollout_worker/rollout/group_scorer.h"
#include "rollout_worker/rollout/worker_session.h"
#include "rollout_worker/weights/weight_receiver.h"
#include "services/base/closable_queue.h"
#include "services/base/metrics.h"
#include "services/base/stop_signal.h"

namespace maspo {

// The whole of a rollout worker, from leased prompts to submitted groups:
//
//   lease thread --leases--> engine (the caller's thread of Run) --groups--> score threads --> trajectories
//   weight thread --newest weights--^    taken between two decode steps
//   session's heartbeat thread: liveness and counters
//
// A group waits until the worker serves its min_policy_version. When the learner forgot this worker (a new generation
// of the session) everything in flight is dropped: others have the leases.
//
// Run() is called once; Stop() from any thread.
class RolloutWorker {
 public:
  struct Options {
    WorkerSession::Options session;
    RolloutEngine::Options engine;
    WeightReceiver::Options weights;
    GroupScorer::Options scoring;
    int groups_in_flight = 16;  // Leases held before their groups are handed to scoring.
    int scoring_threads = 2;
    absl::Duration poll = absl::Seconds(10);  // Length of a long poll.
  };
  struct Hops {
    Membership* membership;
    PromptSource* prompts;
    WeightChannel* weights;
    AnswerScorer* scorer;
    TrajectorySink* trajectories;
  };

  RolloutWorker(const Options& options, const Hops& hops, ModelConfig config, const Tokenizer* tokenizer,
                Metrics& metrics);

  // Works until the run is over (ok), Stop(), or an error that no retry can mend.
  absl::Status Run();
  void Stop();

 private:
  // What the engine's loop takes in between two steps.
  struct Intake {
    std::vector<v1::Lease> leases;
    std::optional<ReceivedWeights> weights;
  };

  absl::Status EngineLoop();  // Consumes leases and weights, produces groups; waits for either; ends when stopped.
  absl::Status LeaseLoop();   // Produces leases while there is room for them; ends when stopped.
  absl::Status WeightLoop();  // Produces weights; ends when stopped.
  absl::Status ScoreLoop();   // Consumes groups; ends when the queue is closed and empty.

  Intake TakeIntake(bool wait);
  absl::Status BeginGroups(std::vector<v1::Lease>& waiting);
  void ForgetGroups(std::vector<v1::Lease>& waiting);
  absl::Status Finish(std::vector<GeneratedResponse> responses);
  // What a failed call to the learner means: ok = go on (after registering anew, or waiting), else end the loop.
  absl::Status Recover(const absl::Status& error, const std::string& worker_id);
  void Report(v1::HeartbeatRequest& heartbeat) const;
  void Drop(const std::vector<std::string>& group_ids);
  void UpdateStatus(const std::string& phase);

  const Options options_;
  const Hops hops_;
  const ModelConfig config_;
  WorkerSession session_;
  WeightReceiver receiver_;
  GroupScorer scorer_;
  GroupAssembler assembler_;               // The engine thread's.
  std::unique_ptr<RolloutEngine> engine_;  // The engine thread's; null until the first weights.
  std::string weights_of_;                 // The engine thread's: the registration under which its weights came.
  ClosableQueue<GeneratedGroup> finished_;
  StopSignal stop_;

  prometheus::Counter& response_tokens_;
  prometheus::Counter& prompt_tokens_;
  prometheus::Counter& groups_;
  prometheus::Counter& preemptions_;
  prometheus::Histogram& generate_seconds_;
  prometheus::Histogram& receive_seconds_;
  prometheus::Gauge& policy_version_;
  prometheus::Gauge& kv_utilization_;
  prometheus::Gauge& running_sequences_;
  prometheus::Gauge& waiting_sequences_;
  prometheus::Gauge& held_groups_;

  mutable absl::Mutex mutex_;
  std::vector<v1::Lease> leases_ ABSL_GUARDED_BY(mutex_);           // From the lease thread to the engine.
  std::optional<ReceivedWeights> weights_ ABSL_GUARDED_BY(mutex_);  // The newest, not taken yet.
  int unfinished_groups_ ABSL_GUARDED_BY(mutex_) = 0;               // Leased and not yet handed to scoring.
  std::set<std::string> held_ ABSL_GUARDED_BY(mutex_);              // Leased and not yet submitted, group ids.
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  v1::WorkerStatus status_ ABSL_GUARDED_BY(mutex_);
  RolloutEngine::Stats counted_;  // The engine thread's: what the counters show.
};

}  // namespace maspo
