#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "model/model_config.h"
#include "rollout_worker/engine/rollout_engine.h"
#include "rollout_worker/rollout/group_assembler.h"
#include "rollout_worker/rollout/worker_session.h"
#include "rollout_worker/weights/weight_receiver.h"

namespace maspo {

// Leased prompts in, complete groups out: the engine, what waits for it, and what it has in flight.
//
//   Add(lease) -> waits for weights of this registration, at least of its min_policy_version -> engine -> Step()
//   returns the groups that are complete
//
// A group that can never be run comes out as given back: by no worker at all ("impossible": its sampling is refused, or
// the weights give log-probabilities that are not finite).
//
// Not thread-safe: the engine's thread. LibTorch's exceptions pass through Step().
class GroupGenerator {
 public:
  GroupGenerator(const RolloutEngine::Options& options, ModelConfig config)
      : options_(options), config_(std::move(config)) {}

  // A new registration: what was in flight under another one is others' now, and is forgotten. Returns its group ids.
  std::vector<std::string> BeginRegistration(const WorkerSession::Registration& registration);

  // InvalidArgument: an option of the engine is out of range.
  absl::Status UseWeights(ReceivedWeights weights);

  void Add(v1::Lease lease) { waiting_.push_back(std::move(lease)); }

  struct Output {
    std::vector<GeneratedGroup> groups;
    std::vector<v1::ReleaseRequest> given_back;
  };
  // Begins what may begin, then makes one step of the engine. InvalidArgument: a group that others can run does not fit
  // into this worker's KV cache.
  absl::StatusOr<Output> Step();

  // Whether another Step() would do something without a new lease or new weights.
  bool HasWork() const { return engine_ != nullptr && engine_->HasWork(); }
  std::string Phase() const;
  RolloutEngine::Stats stats() const { return engine_ == nullptr ? RolloutEngine::Stats{} : engine_->stats(); }

 private:
  bool HasWeights() const { return engine_ != nullptr && weights_of_ == registration_.worker_id; }
  absl::Status Begin(const v1::PromptGroup& prompt, Output& output);
  void GiveBack(const std::string& group_id, const std::string& reason, const std::string& message, Output& output);
  void GiveBackNotFinite(Output& output);

  const RolloutEngine::Options options_;
  const ModelConfig config_;
  WorkerSession::Registration registration_;
  std::string weights_of_;  // The registration under which the engine's weights came.
  std::vector<v1::Lease> waiting_;
  GroupAssembler assembler_;
  std::unique_ptr<RolloutEngine> engine_;  // Null until the first weights.
  uint64_t not_finite_ = 0;                // Tokens of the engine's that were dealt with.
};

}  // namespace maspo
