#include "learner/sharded/sharded_trainer.h"

#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "learner/sharded/shard_file.h"
#include "model/hugging_face.h"
#include "model/weight_folder.h"
#include "services/base/atomic_file.h"
#include "services/base/exception_barrier.h"
#include "services/base/status_macros.h"

namespace maspo {
namespace {

// LibTorch's exceptions (memory, shapes) and those of collectives end here.
template <typename Result>
absl::StatusOr<Result> Guarded(absl::FunctionRef<absl::StatusOr<Result>()> body) {
  absl::StatusOr<Result> result;
  MASPO_RETURN_IF_ERROR(CatchExceptions([&] { return (result = body()).status(); }));
  return result;
}

// Copies to the host, into tensors of an earlier copy if there is one.
void CopyToHost(const std::vector<torch::Tensor>& from, std::vector<torch::Tensor>& to) {
  to.resize(from.size());
  for (size_t i = 0; i < from.size(); ++i) {
    if (!to[i].defined()) to[i] = torch::empty_like(from[i], from[i].options().device(torch::kCPU));
    to[i].copy_(from[i]);
  }
}

// The first rank's trouble is everybody's.
absl::Status StatusOfAll(Ranks& ranks, const absl::Status& mine) {
  const std::vector<std::string> texts = ranks.AllTexts(std::string(mine.message()));
  if (!mine.ok()) return mine;
  for (size_t rank = 0; rank < texts.size(); ++rank) {
    if (!texts[rank].empty()) return absl::UnavailableError(absl::StrCat("rank ", rank, ": ", texts[rank]));
  }
  return absl::OkStatus();
}

absl::StatusOr<ShardedParameters> LoadPolicy(const ShardedTrainer::Options& options,
                                             const std::vector<BucketSpec>& layout, const Ranks& ranks,
                                             bool trainable) {
  const ShardedParameters::Options of_rank{.device = ranks.device(),
                                           .dtype = options.dtype,
                                           .rank = ranks.rank(),
                                           .num_ranks = ranks.size(),
                                           .trainable = trainable};
  if (trainable && options.checkpoint) {  // LoadShard() brings the values.
    return ShardedParameters::Load(of_rank, layout,
                                   [](size_t, const BucketSpec&, const torch::Tensor&) { return absl::OkStatus(); });
  }
  MASPO_ASSIGN_OR_RETURN(const WeightFolder weights, WeightFolder::Open(options.model_folder, options.model));
  return ShardedParameters::Load(of_rank, layout, [&](size_t, const BucketSpec& bucket, const torch::Tensor& values) {
    return weights.Read(bucket, values);
  });
}

}  // namespace

absl::StatusOr<std::unique_ptr<ShardedTrainer>> ShardedTrainer::Create(const Options& options,
                                                                       std::unique_ptr<PolicyObjective> objective,
                                                                       Ranks* ranks) {
  const std::vector<BucketSpec> layout = ParameterLayout(options.model);
  MASPO_ASSIGN_OR_RETURN(auto parameters, LoadPolicy(options, layout, *ranks, /*trainable=*/true));
  std::optional<ShardedParameters> reference;
  if (objective->traits().reference) {
    MASPO_ASSIGN_OR_RETURN(reference, LoadPolicy(options, layout, *ranks, /*trainable=*/false));
  }
  std::unique_ptr<ShardedTrainer> trainer(
      new ShardedTrainer(options, std::move(parameters), std::move(reference), std::move(objective), ranks));
  if (options.checkpoint) {
    MASPO_RETURN_IF_ERROR(
        LoadShard(*options.checkpoint, options.num_updates, trainer->parameters_, trainer->optimizer_));
  }
  return trainer;
}

ShardedTrainer::ShardedTrainer(const Options& options, ShardedParameters parameters,
                               std::optional<ShardedParameters> reference, std::unique_ptr<PolicyObjective> objective,
                               Ranks* ranks)
    : model_folder_(options.model_folder),
      layout_(ParameterLayout(options.model)),
      ranks_(ranks),
      parameters_(std::move(parameters)),
      reference_parameters_(std::move(reference)),
      policy_(options.policy, options.model, &parameters_, ranks),
      optimizer_(options.optimizer, &parameters_, ranks),
      update_(options.update, &policy_, &optimizer_, std::move(objective),
              reference_parameters_ ? &reference_.emplace(options.policy, options.model, &*reference_parameters_, ranks)
                                    : nullptr),
      background_(&parameters_, ranks, options.publish_from) {}

absl::Status ShardedTrainer::CheckCheckpoint(const std::string& folder, const ModelConfig& model) {
  MASPO_RETURN_IF_ERROR(CheckWeights(folder, model));
  return CheckShards(folder, ParameterLayout(model));
}

absl::StatusOr<LogprobStatistics> ShardedTrainer::ComputeLogprobs(std::vector<TrainingGroup>& groups,
                                                                  const StopSignal* stop) {
  const Ranks::Phase phase(ranks_, "old log-probabilities");
  return Guarded<LogprobStatistics>([&]() -> absl::StatusOr<LogprobStatistics> {
    MASPO_RETURN_IF_ERROR(update_.ComputeReferenceLogprobs(groups, stop));
    return update_.RecomputeOldLogprobs(groups, stop);
  });
}

absl::StatusOr<UpdateResult> ShardedTrainer::Apply(absl::Span<const TrainingGroup> mini_batch, double learning_rate,
                                                   const StopSignal* stop) {
  const Ranks::Phase phase(ranks_, "update");
  return Guarded<UpdateResult>([&] {
    const auto before_step = [this] { background_.Await().IgnoreError(); };  // Whoever saves hears of it.
    return update_.Apply(mini_batch, learning_rate, stop, before_step);
  });
}

std::vector<torch::Tensor> ShardedTrainer::Masters() const {
  std::vector<torch::Tensor> masters;
  for (const ShardedBucket& bucket : parameters_.buckets()) masters.push_back(bucket.master);
  return masters;
}

absl::Status ShardedTrainer::Keep() {
  return CatchExceptions([this] {
    const torch::NoGradGuard no_grad;
    CopyToHost(Masters(), kept_.masters);
    CopyToHost(optimizer_.first_moments(), kept_.first_moments);
    CopyToHost(optimizer_.second_moments(), kept_.second_moments);
    kept_.num_updates = optimizer_.num_updates();
    return absl::OkStatus();
  });
}

void ShardedTrainer::GoBack() {
  background_.Await().IgnoreError();  // Whoever saves hears of it.
  const torch::NoGradGuard no_grad;
  const std::vector<torch::Tensor> masters = Masters();
  for (size_t i = 0; i < masters.size(); ++i) masters[i].copy_(kept_.masters[i]);
  parameters_.MastersChanged();
  optimizer_.Restore(kept_.first_moments, kept_.second_moments, kept_.num_updates);
}

absl::Status ShardedTrainer::Publish(int64_t policy_version, PolicyPublisher* publisher) {
  const Ranks::Phase phase(ranks_, "publish");
  return CatchExceptions([&] {
    std::shared_ptr<PolicySnapshot> snapshot = background_.TakeSnapshot();
    if (publisher != nullptr) publisher->Publish(std::move(snapshot), policy_version);
    return absl::OkStatus();
  });
}

// Rank 0 makes the folder before any rank writes into it.
absl::Status ShardedTrainer::MakeShardFolder(const std::string& folder) {
  absl::Status status;
  if (ranks_->rank() == 0) {
    std::error_code error;
    std::filesystem::create_directories(ShardFolder(folder), error);
    if (error) status = absl::UnavailableError(absl::StrCat(folder, ": ", error.message()));
  }
  return StatusOfAll(*ranks_, status);
}

absl::StatusOr<PolicyTrainer::FinishSave> ShardedTrainer::Save(const std::string& folder) {
  const Ranks::Phase phase(ranks_, "checkpoint");
  return Guarded<FinishSave>([&]() -> absl::StatusOr<FinishSave> {
    MASPO_RETURN_IF_ERROR(MakeShardFolder(folder));
    std::shared_ptr<PolicySnapshot> weights = background_.TakeSnapshot();
    background_.Begin([this, folder] { return SaveShard(folder, parameters_, optimizer_); });
    return FinishSave([this, folder, weights = std::move(weights)] {
      absl::Status status = weights == nullptr ? absl::OkStatus() : SaveModelFiles(folder, *weights);
      status.Update(background_.Await());
      if (weights != nullptr) status.Update(background_.AwaitOthers());
      return status;
    });
  });
}

absl::Status ShardedTrainer::SaveModelFiles(const std::string& folder, PolicySnapshot& weights) const {
  MASPO_ASSIGN_OR_RETURN(ModelWriter writer,
                         ModelWriter::Create(folder, model_folder_, layout_, parameters_.options().dtype));
  return weights.ForEachBucket([&](size_t, const torch::Tensor& values) { return writer.Add(values); });
}

absl::Status ShardedTrainer::SaveForInference(const std::string& folder) {
  return CatchExceptions([&] {
    const std::shared_ptr<PolicySnapshot> weights = background_.TakeSnapshot();
    const auto save = [&]() -> absl::Status {
      const std::string partial = folder + ".partial";
      std::error_code error;
      std::filesystem::remove_all(partial, error);
      if (!error) std::filesystem::create_directories(partial, error);
      if (error) return absl::UnavailableError(absl::StrCat(partial, ": ", error.message()));
      MASPO_RETURN_IF_ERROR(SaveModelFiles(partial, *weights));
      return CommitFolder(partial, folder);
    };
    return StatusOfAll(*ranks_, weights == nullptr ? absl::OkStatus() : save());
  });
}

}  // namespace maspo
