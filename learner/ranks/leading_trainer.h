#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "collective/ranks.h"
#include "learner/update/policy_trainer.h"
#include "proto/ranks.pb.h"

namespace maspo {

// The trainer of all ranks, as the loop on rank 0 sees it: tells the others what to do, and does it with them.
//
//   rank 0   TrainingLoop -> LeadingTrainer -> ShardedTrainer
//                                 |                 ||  collectives
//   rank 1   Follow() <-- RankCommand --> ShardedTrainer
//
// One caller, the learner loop.
class LeadingTrainer final : public PolicyTrainer {
 public:
  // `ranks` outlives it.
  LeadingTrainer(std::unique_ptr<PolicyTrainer> own, Ranks* ranks) : own_(std::move(own)), ranks_(ranks) {}
  ~LeadingTrainer() override;  // Ends the others.

  absl::StatusOr<LogprobStatistics> ComputeLogprobs(std::vector<TrainingGroup>& groups,
                                                    const StopSignal* stop) override;
  absl::StatusOr<UpdateResult> Apply(absl::Span<const TrainingGroup> mini_batch, double learning_rate,
                                     const StopSignal* stop) override;
  int64_t num_updates() const override { return own_->num_updates(); }
  absl::Status Keep() override;
  void GoBack() override;
  absl::Status Publish(int64_t policy_version, PolicyPublisher* publisher) override;
  absl::StatusOr<FinishSave> Save(const std::string& folder) override;

 private:
  absl::Status Say(v1::RankCommand command, absl::Span<const TrainingGroup> groups = {});

  const std::unique_ptr<PolicyTrainer> own_;
  Ranks* const ranks_;
};

// What the other ranks do: all that rank 0 says, until it says that this is the end. Unavailable: rank 0 is gone.
// Otherwise the error of a part of the work, which ends the gang.
absl::Status Follow(PolicyTrainer& trainer, Ranks& ranks);

}  // namespace maspo
