#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "collective/device.h"
#include "collective/gpu_metrics.h"
#include "learner/buffer/trajectory_buffer.h"
#include "learner/checkpoint/run_folder.h"
#include "learner/evaluation/evaluator.h"
#include "learner/fatal_cause.h"
#include "learner/learner_config.h"
#include "learner/metrics/learner_samples.h"
#include "learner/metrics/run_journal.h"
#include "learner/plan/run_plan.h"
#include "learner/prompts/group_book.h"
#include "learner/prompts/lease_queue.h"
#include "learner/publish/weight_publisher.h"
#include "learner/ranks/leading_trainer.h"
#include "learner/ranks/rank_flags.h"
#include "learner/sharded/sharded_trainer.h"
#include "learner/training_loop.h"
#include "model/dtype.h"
#include "model/hugging_face.h"
#include "services/base/address.h"
#include "services/base/descriptor_limit.h"
#include "services/base/exit_code.h"
#include "services/base/machine_memory.h"
#include "services/base/status_macros.h"
#include "services/base/steady_clock.h"
#include "services/config/config_loader.h"
#include "services/control/control_service.h"
#include "services/process/role_main.h"
#include "services/process/signals.h"
#include "services/prompts/prompt_service.h"
#include "services/rpc/server_runner.h"
#include "services/trajectory/trajectory_service.h"
#include "services/weights/weight_service.h"

namespace maspo {
namespace {

struct LearnerFlags {
  std::string run_dir;
  bool resume = false;
  RankFlags ranks;
};

// What every rank's trainer is made of.
struct TrainerInputs {
  torch::Device device = torch::kCPU;
  ModelConfig model;
  std::unique_ptr<PolicyObjective> objective;
  ShardedPolicy::Options sharding;
  PolicyUpdate::Options update;
};

// Of this rank alone; `maspo train`, which knows of the others here, has looked at them together.
absl::Status CheckMemory(const v1::RunConfig& config, const ModelConfig& model, torch::Device device) {
  const MemoryPlan plan = RankMemory(model, config, config.learner().ranks());
  if (device.is_cpu()) return CheckRanksFit(plan, config, 1, MachineMemory(), "this machine");
  const double memory = LoadedCudaLibrary()->gpu_use(device.index()).total_bytes;
  return CheckRanksFit(plan, config, 1, memory, absl::StrCat("GPU ", device.index()));
}

absl::StatusOr<TrainerInputs> ReadTrainerInputs(const v1::RunConfig& config) {
  TrainerInputs in;
  MASPO_RETURN_IF_ERROR(CheckModelFolder(config.model()));
  MASPO_ASSIGN_OR_RETURN(in.device, LoadDevice(config.model().device()));
  AllowTf32(config.model().tf32());
  MASPO_ASSIGN_OR_RETURN(in.model, ModelConfig::Load(config.model().path()));
  MASPO_ASSIGN_OR_RETURN(in.objective, MakeObjective(config.learner().objective()));
  MASPO_RETURN_IF_ERROR(CheckMemory(config, in.model, in.device));
  in.sharding = ShardingOptions(config);
  in.update = UpdateOptions(config, *in.objective);
  return in;
}

// What the run is made of, read and checked before anything is written or served.
struct Inputs : TrainerInputs {
  std::string model_digest;
  std::unique_ptr<Tokenizer> tokenizer;
  PromptDataset train;
  std::optional<PromptDataset> held_out;
  RunOrigin origin;
  std::unique_ptr<AdvantageEstimator> advantage;
  TrainingLoop::Options loop;
  std::optional<LearningRateSchedule> learning_rate;
};

absl::StatusOr<Inputs> ReadInputs(const v1::RunConfig& config) {
  Inputs in;
  MASPO_ASSIGN_OR_RETURN(static_cast<TrainerInputs&>(in), ReadTrainerInputs(config));
  MASPO_RETURN_IF_ERROR(CheckDataFiles(config.data()));
  MASPO_ASSIGN_OR_RETURN(in.tokenizer, Tokenizer::Load(config.model().path()));
  MASPO_RETURN_IF_ERROR(CheckGeneration(config, in.model, *in.tokenizer));
  MASPO_ASSIGN_OR_RETURN(in.model_digest, ModelDigest(config.model().path()));
  MASPO_ASSIGN_OR_RETURN(in.train, LoadPrompts(config.data().train(), config, in.model, *in.tokenizer));
  if (config.data().eval_size() > 0) {
    MASPO_ASSIGN_OR_RETURN(in.held_out, LoadPrompts(config.data().eval(), config, in.model, *in.tokenizer));
  }
  MASPO_ASSIGN_OR_RETURN(in.origin, RunOrigin::Of(config, in.train));
  MASPO_ASSIGN_OR_RETURN(in.advantage, TrainingAdvantage(config));
  MASPO_ASSIGN_OR_RETURN(in.loop, LoopOptions(config));
  in.learning_rate.emplace(config.learner().optimizer(), static_cast<int64_t>(config.run().steps()));
  return in;
}

// Where weights are broadcast from.
torch::Device TransportOf(const v1::RunConfig& config, torch::Device device) {
  return config.weights().backend() == v1::WEIGHT_BACKEND_GLOO ? torch::Device(torch::kCPU) : device;
}

absl::StatusOr<RunFolder> OpenRunFolder(const LearnerFlags& flags, const v1::RunConfig& config, const Inputs& in) {
  return RunFolder::Open(
      {.run_dir = flags.run_dir,
       .resume = flags.resume,
       .keep_checkpoints = config.run().keep_checkpoints(),
       .seed = config.run().seed(),
       .origin = in.origin,
       .check_checkpoint = [&](const std::string& path) { return ShardedTrainer::CheckCheckpoint(path, in.model); }});
}

// This rank's trainer, at the start of the run or at a checkpoint of it.
absl::StatusOr<std::unique_ptr<ShardedTrainer>> MakeTrainer(const v1::RunConfig& config, TrainerInputs& in,
                                                            const std::optional<std::string>& checkpoint,
                                                            int64_t num_updates, Ranks* ranks) {
  return ShardedTrainer::Create({.model = in.model,
                                 .dtype = ToTorch(config.model().dtype()),
                                 .publish_from = TransportOf(config, in.device),
                                 .model_folder = config.model().path(),
                                 .checkpoint = checkpoint,
                                 .num_updates = num_updates,
                                 .optimizer = config.learner().optimizer(),
                                 .policy = in.sharding,
                                 .update = in.update},
                                std::move(in.objective), ranks);
}

absl::StatusOr<WeightPublisher::Options> PublisherOptions(const v1::RunConfig& config, torch::Device device) {
  const v1::WeightsSection& weights = config.weights();
  MASPO_ASSIGN_OR_RETURN(std::string host, HostOrOwn(weights.listen_host()));
  return WeightPublisher::Options{.transport = TransportOf(config, device),
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

// The learner as workers see it: the hops in the order of the flow, and the server in front of them.
class Front {
 public:
  static absl::StatusOr<std::unique_ptr<Front>> Open(const RoleContext& role, Inputs& in, RunFolder& folder,
                                                     FatalCause& fatal) {
    std::unique_ptr<Front> front(new Front);
    MASPO_RETURN_IF_ERROR(front->MakeHops(role.config, in, folder, fatal));
    MASPO_RETURN_IF_ERROR(front->Serve(role));
    return front;
  }

  // After the loop ended with `status`. A run that is over ends its workers, by telling each of them; all else stays as
  // it is until they have left. One that was stopped or failed can be resumed: its workers wait for the next learner,
  // as they do after a crash.
  void End(const absl::Status& status, absl::Duration patience);

  EvaluationCollector evaluation;
  std::unique_ptr<GroupBook> book;
  std::unique_ptr<LeaseQueue> queue;
  std::unique_ptr<TrajectoryBuffer> buffer;
  std::unique_ptr<WeightPublisher> publisher;
  std::unique_ptr<RunControl> control;
  std::unique_ptr<Evaluator> evaluator;  // Null without held-out problems.

 private:
  Front() = default;
  absl::Status MakeHops(const v1::RunConfig& config, Inputs& in, RunFolder& folder, FatalCause& fatal);
  absl::Status Serve(const RoleContext& role);

  std::unique_ptr<PromptService> prompt_service_;
  std::unique_ptr<TrajectoryService> trajectory_service_;
  std::unique_ptr<WeightService> weight_service_;
  std::unique_ptr<ControlService> control_service_;
  std::unique_ptr<ServerRunner> server_;  // Last: it ends before what it calls.
};

absl::Status Front::MakeHops(const v1::RunConfig& config, Inputs& in, RunFolder& folder, FatalCause& fatal) {
  const uint64_t version = folder.state.step;
  MASPO_ASSIGN_OR_RETURN(book, GroupBook::Create(std::move(in.train), folder.ledger.get(), &fatal, version,
                                                 BookOptions(config, *in.tokenizer)));
  MASPO_ASSIGN_OR_RETURN(
      queue, LeaseQueue::Create(book.get(), &fatal,
                                {.lease_ttl = absl::Seconds(config.network().heartbeat_timeout_seconds()),
                                 .on_evaluation_dropped = [this](const std::string& id) { evaluation.Drop(id); }}));
  buffer = std::make_unique<TrajectoryBuffer>(
      TrajectoryBuffer::Options{
          .capacity_groups = (config.learner().max_staleness() + 2) * uint64_t{config.rollout().prompts_per_step()},
          .max_staleness = config.learner().max_staleness(),
          .vocab_size = static_cast<uint64_t>(in.model.vocab_size)},
      version, queue.get(), &evaluation);
  MASPO_ASSIGN_OR_RETURN(const WeightPublisher::Options options, PublisherOptions(config, in.device));
  MASPO_ASSIGN_OR_RETURN(publisher, WeightPublisher::Create(options));
  control = std::make_unique<RunControl>(
      RunControl::Options{.run_id = absl::StrCat(config.run().name(), "-", absl::ToUnixSeconds(absl::Now())),
                          .run_seed = config.run().seed(),
                          .total_steps = config.run().steps(),
                          .model_digest = in.model_digest,
                          .heartbeat_interval = absl::Seconds(config.network().heartbeat_seconds()),
                          .heartbeat_timeout = absl::Seconds(config.network().heartbeat_timeout_seconds())},
      RunControl::Callbacks{.on_worker_registered =
                                [this](const std::string& id) {
                                  queue->AddWorker(id);
                                  publisher->epochs().AddWorker(id);
                                },
                            .on_heartbeat = [this](const std::string& id, const std::vector<std::string>& held,
                                                   absl::Time now) { queue->RenewLeases(id, held, now); },
                            .on_worker_ended =
                                [this](const std::string& id) {
                                  queue->EndWorker(id);
                                  publisher->epochs().EndWorker(id);
                                },
                            .on_tick = [this](absl::Time now) { queue->ExpireLeases(now); }});
  if (in.held_out) {
    evaluator =
        std::make_unique<Evaluator>(EvaluationOptions(config, *in.tokenizer), &*in.held_out, queue.get(), &evaluation);
  }
  return absl::OkStatus();
}

absl::Status Front::Serve(const RoleContext& role) {
  prompt_service_ = std::make_unique<PromptService>(queue.get(), role.metrics);
  trajectory_service_ = std::make_unique<TrajectoryService>(buffer.get(), role.metrics);
  weight_service_ = std::make_unique<WeightService>(&publisher->epochs(), role.metrics);
  control_service_ = std::make_unique<ControlService>(control.get(), role.metrics);
  MASPO_ASSIGN_OR_RETURN(
      server_,
      ServerRunner::Start(
          {.key = "network.learner", .address = role.config.network().learner(), .network = role.config.network()},
          {prompt_service_.get(), trajectory_service_.get(), weight_service_.get(), control_service_.get()}));
  return role.notify_ready(server_->address().ToString());
}

void Front::End(const absl::Status& status, absl::Duration patience) {
  control->SetPhase("done", "");
  if (status.ok()) {
    control->Stop();
    control->AwaitNoWorkers(SteadyNow() + patience);
  }
  const absl::Status why = absl::UnavailableError("the learner has stopped");
  control->Close();
  queue->Close(why);
  buffer->Close(why);
  evaluation.Close(why);
  publisher->epochs().Close(why);
  server_->Shutdown(absl::Seconds(2));
}

// What the parts know at a scrape.
LearnerSnapshot Snapshot(const LearnerFlags& flags, Front& front, const RunFolder& folder) {
  LearnerSnapshot snapshot;
  snapshot.status = front.control->GetStatus().value_or(v1::RunStatus());
  snapshot.leases = front.queue->stats();
  snapshot.buffer = front.buffer->stats();
  snapshot.ledger = folder.ledger->counts();
  snapshot.push_bytes = front.publisher->epochs().bytes_sent();
  DescribeRunDir(flags.run_dir, *folder.checkpoints, snapshot);
  return snapshot;
}

// Reading and loading take minutes with a large model.
absl::Status LookForStop(const StopSignal& stop) {
  if (!stop.stop_requested()) return absl::OkStatus();
  return absl::CancelledError("stopped while starting, nothing has changed; --resume starts it");
}

// Where the run goes on, which rank 0 knows: it has the folder.
struct Start {
  std::optional<std::string> checkpoint;
  int64_t num_updates = 0;
};

std::string Encode(const Start& start) {
  return nlohmann::json{{"checkpoint", start.checkpoint.value_or("")}, {"num_updates", start.num_updates}}.dump();
}

Start DecodeStart(const std::string& text) {
  const auto json = nlohmann::json::parse(text);
  const std::string checkpoint = json.at("checkpoint");
  return {.checkpoint = checkpoint.empty() ? std::nullopt : std::optional(checkpoint),
          .num_updates = json.at("num_updates")};
}

absl::StatusOr<std::unique_ptr<Ranks>> Meet(const LearnerFlags& flags, const v1::RunConfig& config,
                                            torch::Device device) {
  MASPO_ASSIGN_OR_RETURN(const std::string host, HostOrOwn(config.weights().listen_host()));
  RankFlags ranks = flags.ranks;
  if (ranks.ranks == 0) ranks.ranks = static_cast<int>(config.learner().ranks());
  return MeetRanks(ranks, device, absl::Seconds(config.learner().rank_timeout_seconds()), host);
}

// Whatever it fails with, a process whose group of ranks broke says so by its exit code.
absl::Status OutcomeOf(const absl::Status& status, const Ranks& ranks) {
  return !status.ok() && ranks.is_broken() ? WithLostRanks(status) : status;
}

// All ranks but the first: no folder, no server, nothing but their shards.
absl::Status RunFollower(const LearnerFlags& flags, RoleContext& role) {
  const v1::RunConfig& config = role.config;
  torch::set_num_threads(static_cast<int>(config.learner().threads()));
  MASPO_ASSIGN_OR_RETURN(TrainerInputs in, ReadTrainerInputs(config));
  MASPO_ASSIGN_OR_RETURN(const auto ranks, Meet(flags, config, in.device));
  const auto gpu_samples = role.metrics.AddSource([&in] { return GpuSamples(in.device); });
  std::string word;
  ranks->Tell(word);
  const Start start = DecodeStart(word);
  MASPO_ASSIGN_OR_RETURN(const auto trainer, MakeTrainer(config, in, start.checkpoint, start.num_updates, ranks.get()));
  return OutcomeOf(Follow(*trainer, *ranks), *ranks);
}

absl::Status RunLearner(const LearnerFlags& flags, RoleContext& role) {
  const v1::RunConfig& config = role.config;
  // A worker has a connection for calls, and two for each of two broadcasts when one follows a failed one.
  MASPO_RETURN_IF_ERROR(ReserveDescriptors(48 + uint64_t{8} * config.rollout().workers()));
  torch::set_num_threads(static_cast<int>(config.learner().threads()));

  MASPO_ASSIGN_OR_RETURN(Inputs in, ReadInputs(config));
  MASPO_RETURN_IF_ERROR(LookForStop(role.stop));
  MASPO_ASSIGN_OR_RETURN(RunFolder folder, OpenRunFolder(flags, config, in));
  MASPO_ASSIGN_OR_RETURN(const auto ranks, Meet(flags, config, in.device));
  std::string word = Encode({folder.checkpoint, folder.state.num_updates});
  ranks->Tell(word);
  MASPO_ASSIGN_OR_RETURN(std::unique_ptr<PolicyTrainer> trainer,
                         MakeTrainer(config, in, folder.checkpoint, folder.state.num_updates, ranks.get()));
  if (!ranks->is_alone()) trainer = std::make_unique<LeadingTrainer>(std::move(trainer), ranks.get());
  MASPO_RETURN_IF_ERROR(LookForStop(role.stop));
  MASPO_ASSIGN_OR_RETURN(RunJournal journal, RunJournal::Open({.run_dir = flags.run_dir,
                                                               .resume_step = folder.state.step,
                                                               .tensorboard = config.metrics().tensorboard(),
                                                               .sample_interval = config.metrics().sample_interval(),
                                                               .groups = config.run().record_groups()},
                                                              role.metrics, in.tokenizer.get()));

  FatalCause fatal;
  MASPO_ASSIGN_OR_RETURN(const auto front, Front::Open(role, in, folder, fatal));
  const auto gpu_samples = role.metrics.AddSource([&in] { return GpuSamples(in.device); });
  const auto samples = role.metrics.AddSource([&] { return LearnerSamples(Snapshot(flags, *front, folder)); });

  TrainingLoop loop(in.loop, {.book = front->book.get(),
                              .buffer = front->buffer.get(),
                              .advantage = in.advantage.get(),
                              .trainer = trainer.get(),
                              .learning_rate = &*in.learning_rate,
                              .publisher = front->publisher.get(),
                              .evaluation = front->evaluator.get(),
                              .journal = &journal,
                              .checkpoints = folder.checkpoints.get(),
                              .control = front->control.get(),
                              .fatal = &fatal,
                              .stop = &role.stop});
  const absl::Status status = loop.Run(folder.state);
  front->End(status, 3 * absl::Seconds(config.network().heartbeat_seconds()));
  return OutcomeOf(status, *ranks);
}

// Where the command line asks for more ranks than one and does not say which of them this is: starts them, and returns
// how they ended. What is wrong with the command line or the configuration, RoleMain says.
std::optional<int> LaunchIfSeveral(int argc, char** argv) {
  RankFlags ranks;
  std::string path;
  std::vector<std::string> overrides;
  CLI::App app;
  app.allow_extras();
  app.set_help_flag();
  ranks.AddTo(app);
  app.add_option("--config", path);
  app.add_option("--set", overrides);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError&) {
    return std::nullopt;
  }
  const absl::StatusOr<v1::RunConfig> config = LoadConfig(path, overrides);
  if (!config.ok() || !ranks.starts_ranks(static_cast<int>(config->learner().ranks()))) return std::nullopt;
  const absl::StatusOr<std::string> host = HostOrOwn(config->weights().listen_host());
  if (!host.ok()) return std::nullopt;
  static StopSignal stop;  // A signal may come until the very end.
  InstallStopSignals(stop);
  return LaunchRanks(ranks,
                     {.num_ranks = static_cast<int>(config->learner().ranks()),
                      .device = config->model().device(),
                      .timeout = absl::Seconds(config->learner().rank_timeout_seconds()),
                      .host = *host,
                      .others = {"--set=metrics.port=0"}},
                     stop);
}

}  // namespace
}  // namespace maspo

int main(int argc, char** argv) {
  if (const std::optional<int> code = maspo::LaunchIfSeveral(argc, argv)) return *code;
  maspo::LearnerFlags flags;
  return maspo::RoleMain(
      argc, argv, "learner",
      [&flags](CLI::App& app) {
        app.add_option("--run-dir", flags.run_dir, "Folder of the run: ledger, metrics, checkpoints")->required();
        app.add_flag("--resume", flags.resume,
                     "Go on from the newest checkpoint in the run's folder; start the run where there is none");
        flags.ranks.AddTo(app);
      },
      [&flags](maspo::RoleContext& role) {
        return flags.ranks.rank > 0 ? maspo::RunFollower(flags, role) : maspo::RunLearner(flags, role);
      });
}
