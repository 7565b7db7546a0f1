#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "collective/ranks.h"
#include "learner/sharded/rank_background.h"
#include "learner/sharded/sharded_parameters.h"
#include "learner/sharded/sharded_policy.h"
#include "learner/update/adamw.h"
#include "learner/update/policy_trainer.h"
#include "learner/update/policy_update.h"
#include "model/model_config.h"
#include "proto/run_config.pb.h"

namespace maspo {

// One rank of a run's trainer: its shards of policy, gradients and moments (ZeRO-3), which with those of the other
// ranks are the state. Every rank makes the same calls with the same arguments (LeadingTrainer sees to it); an error of
// one rank that the others cannot know of ends the process, and with it the gang.
//
// What it saves is a Hugging Face folder, written by rank 0, and in its folder "optimizer" a file of each rank.
class ShardedTrainer final : public PolicyTrainer {
 public:
  struct Options {
    ModelConfig model;
    torch::Dtype dtype = torch::kFloat32;      // To compute in, and of what is published and saved for others.
    torch::Device publish_from = torch::kCPU;  // Where the publisher wants the weights.
    std::string model_folder;  // model.path: the initial weights, the reference's, and the tokenizer of what is saved.
    std::optional<std::string> checkpoint;  // To go on from: a folder that Save() wrote, with any number of ranks.
    int64_t num_updates = 0;                // Of the optimizer, at that checkpoint.
    v1::OptimizerConfig optimizer;
    ShardedPolicy::Options policy;
    PolicyUpdate::Options update;
  };
  // `ranks` outlives it. Errors as in WeightFolder and LoadShard.
  static absl::StatusOr<std::unique_ptr<ShardedTrainer>> Create(const Options& options,
                                                                std::unique_ptr<PolicyObjective> objective,
                                                                Ranks* ranks);

  // Whether Create() would find all it needs in a checkpoint.
  static absl::Status CheckCheckpoint(const std::string& folder, const ModelConfig& model);

  absl::StatusOr<LogprobStatistics> ComputeLogprobs(std::vector<TrainingGroup>& groups,
                                                    const StopSignal* stop) override;
  absl::StatusOr<UpdateResult> Apply(absl::Span<const TrainingGroup> mini_batch, double learning_rate,
                                     const StopSignal* stop) override;
  int64_t num_updates() const override { return optimizer_.num_updates(); }
  absl::Status Keep() override;
  void GoBack() override;
  absl::Status Publish(int64_t policy_version, PolicyPublisher* publisher) override;
  absl::StatusOr<FinishSave> Save(const std::string& folder) override;

  // A Hugging Face folder alone, which does not exist yet and appears whole. Every rank makes the call.
  absl::Status SaveForInference(const std::string& folder);

 private:
  // All that Apply changes, on the host; one tensor a bucket.
  struct KeptState {
    std::vector<torch::Tensor> masters, first_moments, second_moments;
    int64_t num_updates = 0;
  };
  ShardedTrainer(const Options& options, ShardedParameters parameters, std::optional<ShardedParameters> reference,
                 std::unique_ptr<PolicyObjective> objective, Ranks* ranks);
  std::vector<torch::Tensor> Masters() const;
  absl::Status MakeShardFolder(const std::string& folder);
  absl::Status SaveModelFiles(const std::string& folder, PolicySnapshot& weights) const;

  const std::string model_folder_;
  const std::vector<BucketSpec> layout_;
  Ranks* const ranks_;
  ShardedParameters parameters_;
  std::optional<ShardedParameters> reference_parameters_;  // Frozen; only for objectives that ask for one.
  ShardedPolicy policy_;
  std::optional<ShardedPolicy> reference_;
  AdamW optimizer_;
  PolicyUpdate update_;
  KeptState kept_;
  RankBackground background_;
};

}  // namespace maspo
