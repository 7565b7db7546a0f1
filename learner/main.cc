#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "collective/device.h"
#include "collective/gpu_metrics.h"
#include "learner/learner_config.h"
#include "learner/metrics/learner_samples.h"
#include "learner/metrics/sample_log.h"
#include "learner/training_loop.h"
#include "model/hugging_face.h"
#include "services/base/address.h"
#include "services/base/status_macros.h"
#include "services/control/control_service.h"
#include "services/prompts/prompt_service.h"
#include "services/runtime/config_loader.h"
#include "services/runtime/role_main.h"
#include "services/runtime/server_runner.h"
#include "services/trajectory/trajectory_service.h"
#include "services/weights/weight_service.h"

namespace maspo {
namespace {

struct LearnerFlags {
  std::string run_dir;
  bool resume = false;
};

// Where the run starts: a new one with the model's weights, or after the newest checkpoint, to whose moment ledger and
// metrics are taken back.
struct Start {
  std::string weights_folder;
  std::optional<std::string> checkpoint;
  RunState state;
};

absl::StatusOr<Start> FindStart(const LearnerFlags& flags, const v1::RunConfig& config,
                                const CheckpointStore& checkpoints, Ledger& ledger) {
  Start start;
  start.weights_folder = config.model().path();
  start.state.seed = config.run().seed();
  if (!flags.resume && ledger.offset() > 0) {
    return absl::FailedPreconditionError(absl::StrCat(flags.run_dir,
                                                      " holds a run already; add --resume to go on with it, or name "
                                                      "another folder"));
  }
  start.checkpoint = flags.resume ? checkpoints.Newest() : std::nullopt;
  if (start.checkpoint) {
    MASPO_ASSIGN_OR_RETURN(start.state, CheckpointStore::LoadState(*start.checkpoint));
    start.weights_folder = *start.checkpoint;
    if (start.state.seed != config.run().seed()) {
      return absl::InvalidArgumentError(absl::StrCat("run.seed is ", config.run().seed(), ", but ", *start.checkpoint,
                                                     " was made with ", start.state.seed, "; a run keeps its seed"));
    }
  }
  MASPO_RETURN_IF_ERROR(ledger.TruncateTo(start.state.ledger_offset));
  spdlog::info("starting after step {} with the weights of {}", start.state.step, start.weights_folder);
  return start;
}

absl::StatusOr<WeightPublisher::Options> PublisherOptions(const v1::RunConfig& config, torch::Device device) {
  const v1::WeightsSection& weights = config.weights();
  MASPO_ASSIGN_OR_RETURN(std::string host, HostOrOwn(weights.listen_host()));
  return WeightPublisher::Options{.transport = weights.backend() == "gloo" ? torch::Device(torch::kCPU) : device,
                                  .host = std::move(host),
                                  .timeout = absl::Seconds(weights.timeout_seconds()),
                                  .gather = absl::Seconds(weights.gather_seconds())};
}

// What is known now about the run's folder.
void DescribeRunDir(const std::string& run_dir, const CheckpointStore& checkpoints, LearnerSnapshot& snapshot) {
  if (const auto newest = checkpoints.Newest()) {
    const auto state = CheckpointStore::LoadState(*newest);
    if (state.ok()) snapshot.checkpoint_step = state->step;
  }
  std::error_code error;
  const std::filesystem::space_info space = std::filesystem::space(run_dir, error);
  if (!error) snapshot.run_dir_free_bytes = space.available;
}

absl::Status RunLearner(const LearnerFlags& flags, RoleContext& role) {
  const v1::RunConfig& config = role.config;
  torch::set_num_threads(static_cast<int>(config.learner().threads()));

  // Everything the input can be wrong about, before anything is written or served.
  MASPO_RETURN_IF_ERROR(CheckModelFolder(config.model()));
  MASPO_RETURN_IF_ERROR(CheckDataFiles(config.data()));
  MASPO_ASSIGN_OR_RETURN(const torch::Device device, LoadDevice(config.model().device()));
  AllowTf32(config.model().tf32());
  MASPO_ASSIGN_OR_RETURN(const ModelConfig model, ModelConfig::Load(config.model().path()));
  MASPO_RETURN_IF_ERROR(CheckLengths(config, model));
  MASPO_ASSIGN_OR_RETURN(const std::unique_ptr<Tokenizer> tokenizer, Tokenizer::Load(config.model().path()));
  MASPO_ASSIGN_OR_RETURN(const std::string model_digest, ModelDigest(config.model().path()));
  MASPO_ASSIGN_OR_RETURN(PromptDataset train, LoadPrompts(config.data().train(), config, *tokenizer));
  std::optional<PromptDataset> held_out;
  if (config.data().eval_size() > 0) {
    MASPO_ASSIGN_OR_RETURN(held_out, LoadPrompts(config.data().eval(), config, *tokenizer));
  }
  MASPO_ASSIGN_OR_RETURN(const auto advantage, TrainingAdvantage(config));
  MASPO_ASSIGN_OR_RETURN(auto objective, MakeObjective(config.learner().objective()));
  MASPO_ASSIGN_OR_RETURN(const PolicyUpdate::Options update_options, UpdateOptions(config, *objective));
  MASPO_ASSIGN_OR_RETURN(const TrainingLoop::Options loop_options, LoopOptions(config));
  const v1::OptimizerConfig& optimizer_config = config.learner().optimizer();
  MASPO_ASSIGN_OR_RETURN(const auto learning_rate,
                         LearningRateSchedule::Create(optimizer_config, static_cast<int64_t>(config.run().steps())));

  // The books, and the policy where they end.
  std::filesystem::create_directories(flags.run_dir);
  MASPO_ASSIGN_OR_RETURN(const std::unique_ptr<Ledger> ledger, Ledger::Open(flags.run_dir + "/ledger.jsonl"));
  CheckpointStore checkpoints({.folder = flags.run_dir + "/checkpoints",
                               .source_folder = config.model().path(),
                               .keep = config.run().keep_checkpoints()});
  MASPO_ASSIGN_OR_RETURN(const Start start, FindStart(flags, config, checkpoints, *ledger));
  MASPO_ASSIGN_OR_RETURN(const auto parameters,
                         LoadWeights(start.weights_folder, model, device, torch::kFloat32, /*trainable=*/true));
  Transformer policy(model, parameters);
  AdamW optimizer(parameters, optimizer_config);
  if (start.checkpoint) {
    MASPO_RETURN_IF_ERROR(CheckpointStore::LoadOptimizer(*start.checkpoint, *parameters, optimizer));
  }
  std::optional<Transformer> reference;  // Frozen, in the run's model as it was given.
  if (objective->traits().reference) {
    MASPO_ASSIGN_OR_RETURN(const auto frozen,
                           LoadWeights(config.model().path(), model, device, torch::kFloat32, /*trainable=*/false));
    reference.emplace(model, frozen);
  }
  PolicyUpdate update(update_options, &policy, &optimizer, std::move(objective), reference ? &*reference : nullptr);
  MASPO_ASSIGN_OR_RETURN(RunJournal journal, RunJournal::Open({.run_dir = flags.run_dir,
                                                               .resume_step = start.state.step,
                                                               .tensorboard = config.metrics().tensorboard()},
                                                              role.metrics));

  MASPO_ASSIGN_OR_RETURN(SampleLog sample_log, SampleLog::Open({.path = flags.run_dir + "/samples.jsonl",
                                                                .resume_step = start.state.step,
                                                                .interval = config.metrics().sample_interval()},
                                                               tokenizer.get()));

  // The hops in the order of the flow.
  const uint64_t version = start.state.step;
  EvaluationCollector evaluation;
  PromptLeaser::Options leaser_options = LeaserOptions(config, *tokenizer);
  leaser_options.on_evaluation_dropped = [&evaluation](const std::string& group_id) { evaluation.Drop(group_id); };
  MASPO_ASSIGN_OR_RETURN(const auto leaser,
                         PromptLeaser::Create(std::move(train), ledger.get(), version, std::move(leaser_options)));
  TrajectoryBuffer buffer(
      {.capacity_groups = (config.learner().max_staleness() + 2) * uint64_t{config.rollout().prompts_per_step()},
       .max_staleness = config.learner().max_staleness()},
      version, leaser.get(), &evaluation);
  RunControl control({.run_id = absl::StrCat(config.run().name(), "-", absl::ToUnixSeconds(absl::Now())),
                      .run_seed = config.run().seed(),
                      .total_steps = config.run().steps(),
                      .model_digest = model_digest,
                      .heartbeat_interval = absl::Seconds(config.network().heartbeat_seconds()),
                      .heartbeat_timeout = absl::Seconds(config.network().heartbeat_timeout_seconds())},
                     {.on_worker_registered = [&](const std::string& id) { leaser->AddWorker(id); },
                      .on_heartbeat = [&](const std::string& id, const std::vector<std::string>& held,
                                          absl::Time now) { leaser->RenewLeases(id, held, now); },
                      .on_worker_ended = [&](const std::string& id) { leaser->EndWorker(id); },
                      .on_tick = [&](absl::Time now) { leaser->ExpireLeases(now); }});
  MASPO_ASSIGN_OR_RETURN(const WeightPublisher::Options publisher_options, PublisherOptions(config, device));
  MASPO_ASSIGN_OR_RETURN(const auto publisher,
                         WeightPublisher::Create(publisher_options, [&] { return control.LiveWorkers(); }));
  std::optional<Evaluator> evaluator;
  if (held_out) evaluator.emplace(EvaluationOptions(config, *tokenizer), &*held_out, leaser.get(), &evaluation);

  PromptService prompt_service(leaser.get(), role.metrics);
  TrajectoryService trajectory_service(&buffer, role.metrics);
  WeightService weight_service(publisher.get(), role.metrics);
  ControlService control_service(&control, role.metrics);
  MASPO_ASSIGN_OR_RETURN(
      const auto server,
      ServerRunner::Start(
          {.key = "network.learner", .address = config.network().learner(), .network = config.network()},
          {&prompt_service, &trajectory_service, &weight_service, &control_service}));
  MASPO_RETURN_IF_ERROR(role.notify_ready(server->address().ToString()));

  const auto gpu_samples = role.metrics.AddSource([device] { return GpuSamples(device); });
  const auto samples = role.metrics.AddSource([&] {
    LearnerSnapshot snapshot;
    snapshot.status = control.GetStatus().value_or(v1::RunStatus());
    snapshot.leases = leaser->stats();
    snapshot.buffer = buffer.stats();
    snapshot.ledger = ledger->counts();
    snapshot.push_bytes = publisher->bytes_sent();
    DescribeRunDir(flags.run_dir, checkpoints, snapshot);
    return LearnerSamples(snapshot);
  });
  TrainingLoop loop(loop_options, {.leaser = leaser.get(),
                                   .buffer = &buffer,
                                   .advantage = advantage.get(),
                                   .policy = &policy,
                                   .update = &update,
                                   .optimizer = &optimizer,
                                   .learning_rate = &learning_rate,
                                   .publisher = publisher.get(),
                                   .evaluator = evaluator ? &*evaluator : nullptr,
                                   .ledger = ledger.get(),
                                   .journal = &journal,
                                   .sample_log = &sample_log,
                                   .checkpoints = &checkpoints,
                                   .control = &control,
                                   .stop = &role.stop});
  const absl::Status status = loop.Run(start.state);

  // A run that is over ends its workers. One that was stopped or failed can be resumed: its workers wait for the next
  // learner, as they do after a crash.
  const absl::Status why = status.ok() ? absl::CancelledError("the run is over")
                                       : absl::UnavailableError("the learner has stopped before the end of the run");
  control.SetPhase("done", "");
  if (status.ok()) control.Stop();
  leaser->Close(why);
  buffer.Close(why);
  evaluation.Close(why);
  publisher->Close(why);
  if (status.ok()) {
    control.AwaitNoWorkers(absl::Now() + 3 * absl::Seconds(config.network().heartbeat_seconds()));
  }
  server->Shutdown(absl::Seconds(2));
  return status;
}

}  // namespace
}  // namespace maspo

int main(int argc, char** argv) {
  maspo::LearnerFlags flags;
  return maspo::RoleMain(
      argc, argv, "learner",
      [&flags](CLI::App& app) {
        app.add_option("--run-dir", flags.run_dir, "Folder of the run: ledger, metrics, checkpoints")->required();
        app.add_flag("--resume", flags.resume, "Go on from the newest checkpoint in the run's folder");
      },
      [&flags](maspo::RoleContext& role) { return maspo::RunLearner(flags, role); });
}
