#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/command.h"
#include "cli/train/local_run.h"
#include "cli/train/progress_view.h"
#include "cli/train/row_stream.h"
#include "cli/train/run_summary.h"
#include "collective/device.h"
#include "learner/learner_config.h"
#include "model/hugging_face.h"
#include "model/tokenizer.h"
#include "services/base/log.h"
#include "services/base/status_macros.h"
#include "services/runtime/config_loader.h"
#include "services/runtime/signals.h"

namespace maspo {
namespace {

namespace fs = std::filesystem;

struct TrainFlags {
  std::string config, run_dir;
  std::vector<std::string> overrides;
  bool resume = false, dry_run = false, expect_improvement = false, json = false;
  std::string log_format = "text", log_level = "info";
};

// Everything that can be wrong with the input, found before a process is started or a file is written.
absl::Status CheckInput(const v1::RunConfig& config) {
  MASPO_RETURN_IF_ERROR(CheckModelFolder(config.model()));
  MASPO_RETURN_IF_ERROR(CheckDataFiles(config.data()));
  MASPO_RETURN_IF_ERROR(LoadDevice(config.model().device()).status());
  MASPO_ASSIGN_OR_RETURN(const ModelConfig model, ModelConfig::Load(config.model().path()));
  MASPO_RETURN_IF_ERROR(CheckLengths(config, model));
  MASPO_RETURN_IF_ERROR(CheckWeights(config.model().path(), model));
  MASPO_ASSIGN_OR_RETURN(const std::unique_ptr<Tokenizer> tokenizer, Tokenizer::Load(config.model().path()));
  MASPO_RETURN_IF_ERROR(LoadPrompts(config.data().train(), config, *tokenizer).status());
  if (config.data().eval_size() > 0)
    MASPO_RETURN_IF_ERROR(LoadPrompts(config.data().eval(), config, *tokenizer).status());
  MASPO_ASSIGN_OR_RETURN(const auto objective, MakeObjective(config.learner().objective()));
  MASPO_RETURN_IF_ERROR(TrainingAdvantage(config).status());
  MASPO_RETURN_IF_ERROR(UpdateOptions(config, *objective).status());
  MASPO_RETURN_IF_ERROR(LoopOptions(config).status());
  return LearningRateSchedule::Create(config.learner().optimizer(), static_cast<int64_t>(config.run().steps()))
      .status();
}

absl::StatusOr<GpuPlacement> PlaceRoles(const v1::RunConfig& config) {
  const CudaLibrary* cuda = LoadedCudaLibrary();
  const int num_gpus = cuda == nullptr ? 0 : cuda->num_devices();
  const auto num_workers = static_cast<int>(config.rollout().workers());
  GpuPlacement placement = PlaceOnGpus(config.model().device(), num_workers, num_gpus);
  if (placement.shares_a_gpu && config.weights().backend() == "nccl") {
    return absl::InvalidArgumentError(
        absl::StrCat("weights.backend is nccl, which needs a GPU for each of 1 + rollout.workers = ", 1 + num_workers,
                     " processes; model.device ", config.model().device(), " has ", num_gpus,
                     ": set weights.backend to auto or gloo"));
  }
  return placement;
}

absl::Status PrepareRunDir(const TrainFlags& flags, const v1::RunConfig& config) {
  std::error_code error;
  const auto ledger_bytes = fs::file_size(flags.run_dir + "/ledger.jsonl", error);
  const bool holds_a_run = !error && ledger_bytes > 0;  // An empty one is of a run that could not start.
  if (holds_a_run && !flags.resume) {
    return absl::InvalidArgumentError(
        absl::StrCat(flags.run_dir,
                     " holds a run already; add --resume to go on with it, or name another "
                     "folder"));
  }
  if (!holds_a_run && flags.resume) {
    return absl::InvalidArgumentError(
        absl::StrCat(flags.run_dir, " holds no run to go on with; leave out --resume to start one"));
  }
  fs::create_directories(flags.run_dir + "/logs", error);
  if (error) return absl::UnavailableError(absl::StrCat("cannot make ", flags.run_dir, ": ", error.message()));
  return WriteResolvedConfig(config, flags.run_dir + "/config.yaml");
}

absl::Status FollowOnScreen(LocalRun& run, const StopSignal& stop) {
  ProgressView view;
  return run.Supervise(stop, [&](const v1::RunStatus& status) { view.Show(status); });
}

absl::Status FollowAsJson(LocalRun& run, const std::string& run_dir, const StopSignal& stop) {
  RowStream stream(run_dir);
  const auto print_new = [&stream] {
    for (const std::string& row : stream.Poll()) std::cout << row << std::endl;
  };
  const absl::Status status = run.Supervise(stop, [&](const v1::RunStatus&) { print_new(); });
  print_new();  // The learner has ended, and left its last rows.
  return status;
}

absl::Status RunTrain(TrainFlags flags) {
  static StopSignal stop;
  InstallStopSignals(stop);
  MASPO_RETURN_IF_ERROR(
      InitLogging({.role = "maspo", .name = "train", .level = flags.log_level, .json = flags.log_format == "json"}));
  MASPO_ASSIGN_OR_RETURN(v1::RunConfig config, LoadConfig(flags.config, flags.overrides));
  MASPO_RETURN_IF_ERROR(ValidateConfig(config));
  config = ResolveDefaults(config);
  MASPO_RETURN_IF_ERROR(CheckInput(config));
  MASPO_ASSIGN_OR_RETURN(GpuPlacement placement, PlaceRoles(config));
  if (flags.dry_run) {
    std::cout << ResolvedYaml(config);
    return absl::OkStatus();
  }
  if (flags.run_dir.empty())
    return absl::InvalidArgumentError("--run-dir is missing: name the folder that shall hold the run");
  flags.run_dir = fs::absolute(flags.run_dir).lexically_normal().string();
  MASPO_RETURN_IF_ERROR(PrepareRunDir(flags, config));

  const std::string program_folder = fs::read_symlink("/proc/self/exe").parent_path().string();
  LocalRun run({.config = config,
                .placement = std::move(placement),
                .run_dir = flags.run_dir,
                .resume = flags.resume,
                .program_folder = program_folder,
                .log_format = flags.log_format,
                .log_level = flags.log_level});
  MASPO_RETURN_IF_ERROR(run.Start(stop));
  MASPO_RETURN_IF_ERROR(flags.json ? FollowAsJson(run, flags.run_dir, stop) : FollowOnScreen(run, stop));
  MASPO_ASSIGN_OR_RETURN(const RunSummary summary, RunSummary::Load(flags.run_dir));
  std::cout << (flags.json ? summary.Json(flags.run_dir) : summary.Table(flags.run_dir)) << std::flush;
  if (flags.expect_improvement && summary.Improvement().value_or(0) <= 0) {
    return absl::AbortedError("held-out accuracy did not rise, which --expect-improvement asks for");
  }
  return absl::OkStatus();
}

}  // namespace

void AddTrainCommand(CLI::App& maspo, CommandBody& run) {
  auto flags = std::make_shared<TrainFlags>();
  CLI::App* app = maspo.add_subcommand("train", "Start all roles of a run on this machine and show its progress");
  app->add_option("config", flags->config, "Run configuration, YAML")->type_name("FILE")->required();
  app->add_option("--run-dir", flags->run_dir, "Folder of the run: configuration, metrics, ledger, checkpoints, logs")
      ->type_name("DIR");
  app->add_option("--set", flags->overrides, "key=value, overrides one key; may be repeated");
  app->add_flag("--resume", flags->resume, "Go on from the newest checkpoint in --run-dir");
  app->add_flag("--dry-run", flags->dry_run,
                "Check configuration, model and data, print the resolved configuration, start nothing");
  app->add_flag("--expect-improvement", flags->expect_improvement,
                "Fail unless held-out accuracy is higher after the run than before");
  app->add_flag("--json", flags->json,
                "On stdout one JSON object a step or evaluation and one at the end, for programs");
  app->add_option("--log-format", flags->log_format, "Of all roles' logs: text, or json: one object a line")
      ->capture_default_str()
      ->check(CLI::IsMember({"text", "json"}));
  app->add_option("--log-level", flags->log_level, "Of all roles' logs: trace, debug, info, warning, error")
      ->capture_default_str();
  app->callback([flags, &run] { run = [flags] { return RunTrain(*flags); }; });
}

}  // namespace maspo
