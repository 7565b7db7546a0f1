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
#include "cli/train/input_check.h"
#include "cli/train/local_run.h"
#include "cli/train/progress_view.h"
#include "cli/train/row_stream.h"
#include "cli/train/run_summary.h"
#include "collective/device.h"
#include "learner/checkpoint/checkpoint.h"
#include "learner/checkpoint/run_lock.h"
#include "learner/checkpoint/run_origin.h"
#include "learner/prompts/prompt_dataset.h"
#include "services/base/log.h"
#include "services/base/status_macros.h"
#include "services/config/config_loader.h"
#include "services/process/signals.h"

namespace maspo {
namespace {

namespace fs = std::filesystem;

struct TrainFlags {
  std::string config, run_dir;
  std::vector<std::string> overrides;
  bool resume = false, dry_run = false, expect_improvement = false, json = false;
  std::string log_format = "text", log_level = "info";
};

absl::StatusOr<GpuPlacement> PlaceRoles(const v1::RunConfig& config) {
  const CudaLibrary* cuda = LoadedCudaLibrary();
  const int num_gpus = cuda == nullptr ? 0 : cuda->num_devices();
  const auto num_workers = static_cast<int>(config.rollout().workers());
  const auto num_ranks = static_cast<int>(config.learner().ranks());
  if (config.model().device() == "cuda" && num_gpus < num_ranks) {
    return absl::InvalidArgumentError(absl::StrCat("learner.ranks is ", num_ranks,
                                                   ", one GPU each, but this machine has ", num_gpus,
                                                   "; lower it, or set model.device to cpu"));
  }
  GpuPlacement placement = PlaceOnGpus(config.model().device(), num_workers, num_gpus, num_ranks);
  if (placement.shares_a_gpu && config.weights().backend() == v1::WEIGHT_BACKEND_NCCL) {
    return absl::InvalidArgumentError(
        absl::StrCat("weights.backend is nccl, which needs a GPU for each of 1 + rollout.workers = ", 1 + num_workers,
                     " processes; model.device ", config.model().device(), " has ", num_gpus,
                     ": set weights.backend to auto or gloo"));
  }
  return placement;
}

bool HoldsARun(const std::string& run_dir) {
  std::error_code error;
  const auto ledger_bytes = fs::file_size(run_dir + "/ledger.jsonl", error);
  return !error && ledger_bytes > 0;  // An empty one is of a run that could not start.
}

// The run's folder, ours for as long as the lock lives. With --resume the run that is there goes on; where there is
// none, or none that got anywhere, it is started: a scheduler says --resume every time.
absl::StatusOr<FileLock> PrepareRunDir(const TrainFlags& flags, const v1::RunConfig& config) {
  if (!flags.resume && HoldsARun(flags.run_dir)) {
    return absl::InvalidArgumentError(absl::StrCat(flags.run_dir,
                                                   " holds a run already; add --resume to go on with it, or name "
                                                   "another folder"));
  }
  std::error_code error;
  fs::create_directories(flags.run_dir + "/logs", error);
  if (error) return absl::UnavailableError(absl::StrCat("cannot make ", flags.run_dir, ": ", error.message()));
  MASPO_ASSIGN_OR_RETURN(FileLock lock, LockRun(flags.run_dir, RunLock::kTrain));
  MASPO_RETURN_IF_ERROR(CheckRunIsFree(flags.run_dir, RunLock::kLearner));  // It may have been started by hand.
  if (flags.resume) {  // The learner checks it, too; but the refused configuration must not be what the folder holds.
    MASPO_ASSIGN_OR_RETURN(const PromptDataset train,
                           PromptDataset::Load({config.data().train().begin(), config.data().train().end()}));
    MASPO_ASSIGN_OR_RETURN(const RunOrigin origin, RunOrigin::Of(config, train));
    MASPO_RETURN_IF_ERROR(CheckResume(flags.run_dir, origin));
  }
  MASPO_RETURN_IF_ERROR(WriteResolvedConfig(config, flags.run_dir + "/config.yaml"));
  return lock;
}

// Steps that the run in the folder has done, by its newest checkpoint.
uint64_t StepsDone(const std::string& run_dir) {
  const auto newest = CheckpointStore({.folder = run_dir + "/checkpoints"}).Newest();
  const auto state = newest ? CheckpointStore::LoadState(*newest) : RunState();
  return state.ok() ? state->step : 0;
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
  if (!flags.run_dir.empty() && !flags.dry_run) {  // Before the input is read, which takes its time with a large one.
    MASPO_RETURN_IF_ERROR(CheckRunIsFree(flags.run_dir, RunLock::kTrain));
    MASPO_RETURN_IF_ERROR(CheckRunIsFree(flags.run_dir, RunLock::kLearner));
  }
  MASPO_RETURN_IF_ERROR(CheckInput(config));
  if (flags.expect_improvement && config.data().eval().empty()) {
    return absl::InvalidArgumentError("--expect-improvement needs held-out problems: set data.eval");
  }
  MASPO_ASSIGN_OR_RETURN(GpuPlacement placement, PlaceRoles(config));
  if (flags.dry_run) {
    std::cout << ResolvedYaml(config);
    return absl::OkStatus();
  }
  if (flags.run_dir.empty())
    return absl::InvalidArgumentError("--run-dir is missing: name the folder that shall hold the run");
  flags.run_dir = fs::absolute(flags.run_dir).lexically_normal().string();
  MASPO_ASSIGN_OR_RETURN(const FileLock lock, PrepareRunDir(flags, config));
  const uint64_t done_before = StepsDone(flags.run_dir);

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
  if (done_before >= config.run().steps()) {
    std::cerr << absl::StrCat("nothing to do: ", done_before, " steps were done already, run.steps is ",
                              config.run().steps(), "\n");
  }
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
  app->add_flag("--resume", flags->resume,
                "Go on from the newest checkpoint in --run-dir; start the run where there is none");
  app->add_flag("--dry-run", flags->dry_run,
                "Check configuration, addresses, model and data, print the resolved configuration, start nothing");
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
