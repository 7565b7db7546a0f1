#include <CLI/CLI.hpp>
#include <cstdlib>
#include <memory>

#include "collective/device.h"
#include "collective/gpu_metrics.h"
#include "model/hugging_face.h"
#include "model/tokenizer.h"
#include "rollout_worker/rollout/rollout_worker.h"
#include "services/base/address.h"
#include "services/base/exit_code.h"
#include "services/base/status_macros.h"
#include "services/base/worker_thread.h"
#include "services/config/config_loader.h"
#include "services/control/control_client.h"
#include "services/process/role_main.h"
#include "services/prompts/prompt_client.h"
#include "services/reward/reward_client.h"
#include "services/trajectory/trajectory_client.h"
#include "services/weights/weight_client.h"

namespace maspo {
namespace {

absl::StatusOr<RolloutWorker::Options> OptionsOf(const RoleContext& role, torch::Device device,
                                                 const std::string& model_digest) {
  const v1::RolloutSection& rollout = role.config.rollout();
  RolloutWorker::Options options;
  v1::RegisterRequest& registration = options.session.registration;
  registration.set_contract_version(1);
  registration.set_worker_name(role.name);
  registration.set_device(role.config.model().device());
  registration.set_metrics_endpoint(role.metrics_endpoint);
  registration.set_model_digest(model_digest);
  options.session.lost_after = absl::Seconds(role.config.run().stall_seconds());
  options.engine.max_running_sequences = static_cast<int>(rollout.max_running_sequences());
  options.engine.kv_block_tokens = static_cast<int>(rollout.kv_block_tokens());
  options.engine.kv_cache_tokens = static_cast<int64_t>(rollout.kv_cache_tokens());
  options.engine.prefill_tokens_per_step = static_cast<int>(rollout.prefill_tokens_per_step());
  options.weights.device = device;
  MASPO_ASSIGN_OR_RETURN(options.weights.host, HostOrOwn(role.config.weights().listen_host()));
  options.groups_in_flight = static_cast<int>(rollout.groups_in_flight());
  options.scoring_concurrency = static_cast<int>(rollout.scoring_concurrency());
  return options;
}

// For a broadcast or a forward that is under way when the worker's work ends: they cannot be interrupted, and nothing
// of a worker needs to be saved.
constexpr absl::Duration kPatience = absl::Milliseconds(700);

[[noreturn]] void ExitNow(const absl::Status& status) {
  SayLastWords(status);
  std::_Exit(ExitCodeOf(status));
}

absl::Status RunWorker(RoleContext& role) {
  const v1::RunConfig& config = role.config;
  const std::string& folder = config.model().path();
  torch::set_num_threads(static_cast<int>(config.rollout().threads()));
  MASPO_RETURN_IF_ERROR(CheckModelFolder(config.model()));
  MASPO_ASSIGN_OR_RETURN(const torch::Device device, LoadDevice(config.model().device()));
  AllowTf32(config.model().tf32());
  MASPO_ASSIGN_OR_RETURN(const ModelConfig model, ModelConfig::Load(folder));
  MASPO_ASSIGN_OR_RETURN(const std::unique_ptr<Tokenizer> tokenizer, Tokenizer::Load(folder));
  MASPO_ASSIGN_OR_RETURN(const std::string model_digest, ModelDigest(folder));

  // The hops in the order of the flow, then the worker between them.
  MASPO_ASSIGN_OR_RETURN(const auto learner, RpcChannel::Create({.peer = "the learner",
                                                                 .key = "network.learner",
                                                                 .endpoint = config.network().learner(),
                                                                 .network = config.network()}));
  ControlClient control(learner.get(), {.register_timeout = absl::Seconds(config.run().stall_seconds())});
  PromptClient prompts(learner.get());
  WeightClient weights(learner.get());
  TrajectoryClient trajectories(learner.get());
  Problems problems;
  MASPO_ASSIGN_OR_RETURN(
      const auto rewards,
      RewardClient::Create(
          {.endpoints = {config.network().reward_servers().begin(), config.network().reward_servers().end()},
           .network = config.network(),
           .max_batch_items = config.reward().max_batch_items(),
           .on_outcome = [&](const absl::Status& outcome) { problems.Note("rewards", outcome); }}));
  MASPO_ASSIGN_OR_RETURN(const RolloutWorker::Options options, OptionsOf(role, device, model_digest));
  RolloutWorker worker(options,
                       {.membership = &control,
                        .prompts = &prompts,
                        .weights = &weights,
                        .scorer = rewards.get(),
                        .trajectories = &trajectories,
                        .close =
                            [&] {
                              learner->Close();
                              rewards->Close();
                            }},
                       model, tokenizer.get(), &problems, role.metrics);
  const auto gpu_samples = role.metrics.AddSource([device] { return GpuSamples(device); });
  MASPO_RETURN_IF_ERROR(role.notify_ready(""));

  StopSignal finished;
  WorkerThread stopper("stopper", [&] {
    role.stop.WaitOr(worker.ended());
    if (role.stop.stop_requested()) worker.Stop();
    if (!finished.WaitFor(kPatience)) ExitNow(worker.status());
    return absl::OkStatus();
  });
  const absl::Status status = worker.Run();
  finished.RequestStop();
  return status;
}

}  // namespace
}  // namespace maspo

int main(int argc, char** argv) {
  return maspo::RoleMain(
      argc, argv, "rollout-worker", [](CLI::App&) {}, maspo::RunWorker);
}
