#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "learner/buffer/evaluation_collector.h"
#include "learner/buffer/step_source.h"
#include "learner/prompts/group_registry.h"
#include "proto/trajectory.pb.h"
#include "services/base/steady_mutex.h"
#include "services/trajectory/trajectory_sink.h"

namespace maspo {

// Holds scored groups between the rollout workers that offer them and the learner that takes them.
//
//   Offer() -> checked against the registry -> waiting (at most capacity_groups) -> TakeStep() -> learner loop
//          '-> held-out groups go to the evaluation collector
//
// Staleness is judged by the oldest version that sampled a token of the group: at Offer (FailedPrecondition) and again
// at TakeStep, where groups that grew too old in the queue are handed back to the registry, to be issued again. Nothing
// else leaves the buffer except through TakeStep. Other errors of Offer as in TrajectorySink; a group is admitted once,
// by the registry's word. After Close() every call returns its reason.
//
// Thread-safe. TakeStep has one caller, the learner loop. Calls the registry and the collector under its lock.
class TrajectoryBuffer final : public TrajectorySink, public StepSource {
 public:
  struct Options {
    uint64_t capacity_groups = 1024;          // At least the groups of one step.
    uint64_t max_staleness = 0;               // Versions; 0 = strictly on-policy.
    uint64_t vocab_size = uint64_t{1} << 32;  // Token ids are below it.
  };

  struct Stats {
    uint64_t waiting = 0;          // Queue depth, groups.
    uint64_t admitted = 0;         // Since construction, training groups.
    uint64_t admitted_tokens = 0;  // Of their responses.
    uint64_t refused_too_old = 0;  // At Offer.
    uint64_t evicted_too_old = 0;  // At TakeStep.
    uint64_t duplicates = 0;
    bool is_awaited = false;     // TakeStep waits for groups.
    absl::Duration oldest_wait;  // Of the group that has waited longest; 0 without one.
    std::map<uint64_t, uint64_t>
        taken_by_staleness;  // Groups that TakeStep gave, by how many versions they were behind.
  };

  // `registry` and `evaluation` outlive the buffer; `policy_version` is the one that is published first.
  TrajectoryBuffer(const Options& options, uint64_t policy_version, GroupRegistry* registry,
                   EvaluationCollector* evaluation)
      : options_(options), registry_(registry), evaluation_(evaluation), policy_version_(policy_version) {}

  // Waits for nothing: a full buffer is ResourceExhausted at once.
  absl::Status Offer(v1::TrajectoryGroup group, absl::Time deadline) override;

  void OnVersion(uint64_t policy_version) override;
  absl::StatusOr<std::vector<v1::TrajectoryGroup>> TakeStep(uint64_t num_groups, absl::Time deadline) override;
  Arrivals arrivals() const override;

  void Close(absl::Status why = absl::UnavailableError("the learner has stopped"));
  Stats stats() const;

 private:
  struct Waiting {
    v1::TrajectoryGroup group;
    absl::Time since;
  };

  absl::Status OfferEvaluation(v1::TrajectoryGroup group);
  absl::Status OfferTraining(v1::TrajectoryGroup group);
  absl::Status CheckVersions(const v1::TrajectoryGroup& group) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status EvictTooOld() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  uint64_t StalenessOf(const v1::TrajectoryGroup& group) const ABSL_SHARED_LOCKS_REQUIRED(mutex_);

  const Options options_;
  GroupRegistry* const registry_;
  EvaluationCollector* const evaluation_;

  mutable SteadyMutex mutex_;  // Guards everything below.
  uint64_t policy_version_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, Waiting> waiting_ ABSL_GUARDED_BY(mutex_);  // By group id.
  Stats stats_ ABSL_GUARDED_BY(mutex_);
  absl::Status closed_ ABSL_GUARDED_BY(mutex_);  // Ok while it is open.
};

}  // namespace maspo
