#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/types/span.h"
#include "cli/command.h"
#include "collective/device.h"
#include "learner/learner_config.h"
#include "learner/plan/run_plan.h"
#include "learner/ranks/rank_flags.h"
#include "learner/recorded/recorded_groups.h"
#include "learner/sharded/sharded_trainer.h"
#include "learner/training_groups.h"
#include "learner/update/learning_rate.h"
#include "model/dtype.h"
#include "services/base/exit_code.h"
#include "services/base/machine_memory.h"
#include "services/base/progress.h"
#include "services/base/status_macros.h"
#include "services/config/config_loader.h"
#include "services/process/signals.h"

namespace maspo {
namespace {

struct LearnFlags {
  std::string model, config, output;
  std::vector<std::string> overrides, trajectories;
  uint32_t num_ranks = 0;
  bool json = false;
  RankFlags ranks;

  bool speaks() const { return ranks.rank <= 0; }
};

absl::StatusOr<v1::RunConfig> ConfigOf(const LearnFlags& flags) {
  MASPO_ASSIGN_OR_RETURN(v1::RunConfig config, LoadConfig(flags.config, flags.overrides));
  config.mutable_model()->set_path(flags.model);
  if (flags.num_ranks > 0) config.mutable_learner()->set_ranks(flags.num_ranks);
  MASPO_RETURN_IF_ERROR(ValidateLearner(config));
  if (config.learner().dynamic_sampling()) {
    return absl::InvalidArgumentError(
        "learner.dynamic_sampling replaces groups by new ones, which a recording does not have; turn it off");
  }
  return config;
}

// Lengths as they are in the recording, instead of limits.
v1::RunConfig WithLengthsOf(absl::Span<const v1::TrajectoryGroup> recorded, v1::RunConfig config) {
  int prompt = 0, response = 0, responses = 0;
  for (const v1::TrajectoryGroup& group : recorded) {
    prompt = std::max(prompt, group.prompt_token_ids_size());
    responses = std::max(responses, group.trajectories_size());
    for (const v1::Trajectory& trajectory : group.trajectories())
      response = std::max(response, trajectory.token_ids_size());
  }
  config.mutable_data()->set_max_prompt_tokens(static_cast<uint32_t>(prompt));
  config.mutable_rollout()->set_max_new_tokens(static_cast<uint32_t>(response));
  config.mutable_rollout()->set_group_size(static_cast<uint32_t>(responses));
  return config;
}

// All ranks are here. With GPUs each has one of its own, of which LibTorch says when it is full.
absl::Status CheckMemory(const v1::RunConfig& config, const ModelConfig& model,
                         absl::Span<const v1::TrajectoryGroup> recorded) {
  if (config.model().device() != "cpu") return absl::OkStatus();
  const v1::RunConfig actual = WithLengthsOf(recorded, config);
  const int64_t ranks = config.learner().ranks();
  const MemoryPlan rank = RankMemory(model, actual, ranks, LearnerKind::kLearn);
  return CheckRanksFit(rank, actual, ranks, MachineMemory(), "this machine");
}

// What the whole recording is trained with: one step, whose old policy is the one at its start.
struct Session {
  v1::RunConfig config;
  std::unique_ptr<Ranks> ranks;
  std::unique_ptr<ShardedTrainer> trainer;
  std::vector<TrainingGroup> groups;  // With advantages, in the order of training.
  TrainingLoop::Options loop;
};

absl::StatusOr<Session> Begin(const LearnFlags& flags, v1::RunConfig config) {
  torch::set_num_threads(static_cast<int>(config.learner().threads()));
  MASPO_ASSIGN_OR_RETURN(const torch::Device device, LoadDevice(config.model().device()));
  AllowTf32(config.model().tf32());
  MASPO_ASSIGN_OR_RETURN(const ModelConfig model, ModelConfig::Load(flags.model));
  MASPO_ASSIGN_OR_RETURN(std::vector<v1::TrajectoryGroup> recorded,
                         ReadRecordedGroups(flags.trajectories, model.vocab_size, model.max_position_embeddings));
  if (!flags.ranks.is_one_rank()) MASPO_RETURN_IF_ERROR(CheckMemory(config, model, recorded));  // Else it was done.
  MASPO_ASSIGN_OR_RETURN(const auto advantage, TrainingAdvantage(config));
  MASPO_ASSIGN_OR_RETURN(auto objective, MakeObjective(config.learner().objective()));
  const PolicyUpdate::Options update = UpdateOptions(config, *objective);
  Session session;
  MASPO_ASSIGN_OR_RETURN(session.loop, LoopOptions(config));
  if (session.loop.shuffle) ShuffleGroups(recorded, session.loop.seed, /*step=*/1);
  session.groups = ToTrainingGroups(recorded, *advantage, /*policy_version=*/0).groups;

  RankFlags rank = flags.ranks;
  rank.ranks = static_cast<int>(config.learner().ranks());
  MASPO_ASSIGN_OR_RETURN(session.ranks,
                         MeetRanks(rank, device, absl::Seconds(config.learner().rank_timeout_seconds()), "127.0.0.1"));
  MASPO_ASSIGN_OR_RETURN(session.trainer, ShardedTrainer::Create({.model = model,
                                                                  .dtype = ToTorch(config.model().dtype()),
                                                                  .model_folder = flags.model,
                                                                  .checkpoint = std::nullopt,
                                                                  .optimizer = config.learner().optimizer(),
                                                                  .policy = ShardingOptions(config),
                                                                  .update = update},
                                                                 std::move(objective), session.ranks.get()));
  session.config = std::move(config);
  return session;
}

std::string JsonLine(int64_t update, int64_t updates, double learning_rate, const UpdateResult& result) {
  return nlohmann::ordered_json{
      {"update", update},
      {"updates", updates},
      {"loss", result.loss},
      {"grad_norm", result.grad_norm},
      {"learning_rate", learning_rate},
      {"applied", result.applied},
      {"tokens", result.metrics.tokens},
      {"clipped", result.metrics.clipped},
      {"entropy", result.metrics.entropy_sum / std::max<double>(1, static_cast<double>(result.metrics.tokens))}}
      .dump();
}

absl::Status LearnAll(const LearnFlags& flags, Session& session, const StopSignal& stop) {
  std::vector<TrainingGroup>& groups = session.groups;
  MASPO_ASSIGN_OR_RETURN(const LogprobStatistics scored, session.trainer->ComputeLogprobs(groups, &stop));
  const bool speaks = flags.speaks();
  if (speaks && !flags.json) {
    std::cerr << absl::StrFormat(
        "%d groups, %d response tokens; |learner's - sampler's log-prob|: mean %.2g, max %.2g\n", groups.size(),
        scored.tokens, scored.mismatch_abs_mean, scored.mismatch_abs_max);
  }
  SettleOldLogprobs(session.loop.recompute_old_logprobs, session.loop.behavior_correction, groups);
  const auto size = static_cast<size_t>(session.loop.mini_batch_groups);
  const auto updates = static_cast<int64_t>((groups.size() + size - 1) / size);
  const LearningRateSchedule schedule(session.config.learner().optimizer(), updates);
  std::optional<Progress> progress;
  if (speaks && !flags.json) progress.emplace("learn", "updates", static_cast<double>(updates));
  for (int64_t update = 1; update <= updates; ++update) {
    const size_t first = static_cast<size_t>(update - 1) * size;
    const auto mini_batch = absl::MakeConstSpan(groups).subspan(first, std::min(size, groups.size() - first));
    MASPO_ASSIGN_OR_RETURN(const UpdateResult result, session.trainer->Apply(mini_batch, schedule.At(update), &stop));
    if (!speaks) continue;
    if (flags.json) std::cout << JsonLine(update, updates, schedule.At(update), result) << std::endl;
    if (!result.applied) {
      std::cerr << "maspo learn: update " << update << ": loss or gradient is not finite; it is skipped\n";
    }
    if (progress) {
      progress->Update(static_cast<double>(update),
                       absl::StrFormat("loss %.5f, gradient norm %.3g", result.loss, result.grad_norm));
    }
  }
  return absl::OkStatus();
}

absl::Status RunLearn(const LearnFlags& flags) {
  if (std::filesystem::exists(flags.output)) {
    return absl::InvalidArgumentError(absl::StrCat("--output ", flags.output, " exists already; name a new folder"));
  }
  MASPO_ASSIGN_OR_RETURN(v1::RunConfig config, ConfigOf(flags));
  static StopSignal stop;  // A signal may come until the very end.
  InstallStopSignals(stop);
  if (flags.ranks.starts_ranks(static_cast<int>(config.learner().ranks()))) {
    // What is wrong with the input is said once, before there are several to say it.
    MASPO_ASSIGN_OR_RETURN(const ModelConfig model, ModelConfig::Load(flags.model));
    MASPO_ASSIGN_OR_RETURN(const auto recorded,
                           ReadRecordedGroups(flags.trajectories, model.vocab_size, model.max_position_embeddings));
    MASPO_RETURN_IF_ERROR(CheckMemory(config, model, recorded));
    return ExitedWith(LaunchRanks(flags.ranks,
                                  {.num_ranks = static_cast<int>(config.learner().ranks()),
                                   .device = config.model().device(),
                                   .timeout = absl::Seconds(config.learner().rank_timeout_seconds()),
                                   .host = "127.0.0.1",
                                   .others = {}},
                                  stop));
  }
  MASPO_ASSIGN_OR_RETURN(Session session, Begin(flags, std::move(config)));
  absl::Status status = LearnAll(flags, session, stop);
  if (status.ok()) status = session.trainer->SaveForInference(flags.output);
  return !status.ok() && session.ranks->is_broken() ? WithLostRanks(status) : status;
}

}  // namespace

void AddLearnCommand(CLI::App& maspo, CommandBody& run) {
  auto flags = std::make_shared<LearnFlags>();
  CLI::App* app = maspo.add_subcommand("learn", "Train on recorded groups, without workers; see docs/learn.md");
  app->add_option("--model", flags->model, "Hugging Face folder to start from")->type_name("DIR")->required();
  app->add_option("--config", flags->config, "Run configuration, YAML; its section learner is what counts")
      ->type_name("FILE");
  app->add_option("--set", flags->overrides, "key=value, overrides one key; may be repeated");
  app->add_option("--trajectories", flags->trajectories,
                  "Recorded groups, JSON Lines; several files one after the other")
      ->type_name("FILE")
      ->required();
  app->add_option("--output", flags->output, "Folder to write, a complete Hugging Face model")
      ->type_name("DIR")
      ->required();
  app->add_option("--ranks", flags->num_ranks, "Processes that share the work. Default: learner.ranks");
  app->add_flag("--json", flags->json, "One object an update on stdout");
  app->add_option("--rank", flags->ranks.rank, "")->group("");  // Of the processes that it starts.
  app->add_option("--rendezvous", flags->ranks.rendezvous, "")->group("");
  app->callback([flags, &run] { run = [flags] { return RunLearn(*flags); }; });
}

}  // namespace maspo
