// maspo-reward-server: verifies final answers over gRPC.
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <string_view>

#include "reward_server/rewards/reward_function.h"
#include "reward_server/scoring/scoring_pool.h"
#include "reward_server/verifier_options.h"
#include "reward_server/worker/supervised_verifier.h"
#include "reward_server/worker/worker_main.h"
#include "services/base/status_macros.h"
#include "services/reward/reward_service.h"
#include "services/runtime/role_main.h"
#include "services/runtime/server_runner.h"

namespace maspo {
namespace {

constexpr absl::Duration kShutdownGrace = absl::Seconds(2);

absl::Status RunRewardServer(const std::string& listen, RoleContext& role) {
  const v1::RewardSection& reward = role.config.reward();
  // Refuses senseless options here, not in every worker.
  MASPO_RETURN_IF_ERROR(AnswerVerifier::Create(VerifierOptionsFrom(reward)).status());
  MASPO_ASSIGN_OR_RETURN(const std::unique_ptr<SupervisedVerifier> verifier,
                         SupervisedVerifier::Create({.program = "/proc/self/exe", .reward = reward}, role.metrics));
  MASPO_ASSIGN_OR_RETURN(const std::unique_ptr<RewardFunction> rewards, RewardFunction::Create(reward));
  const auto verify = [&](const v1::VerifyItem& item) {
    v1::VerifiedAnswer answer = verifier->Verify(item);
    answer.set_reward(static_cast<float>(rewards->Evaluate(item, answer.verdict())));
    return answer;
  };
  ScoringPool pool(verify,
                   {.threads = static_cast<int>(reward.threads()), .max_waiting_items = reward.max_waiting_items()},
                   role.metrics);
  RewardService service(&pool, {.max_batch_items = reward.max_batch_items()}, role.metrics);
  MASPO_ASSIGN_OR_RETURN(
      const std::unique_ptr<ServerRunner> server,
      ServerRunner::Start({.key = "--listen",
                           .address = listen,
                           .network = role.config.network(),
                           .max_connection_age = absl::Minutes(1)},  // So that added replicas get their share.
                          {&service}));
  spdlog::info("verifying answers at {}", server->address().ToString());
  MASPO_RETURN_IF_ERROR(role.notify_ready(server->address().ToString()));

  role.stop.WaitUntil(absl::InfiniteFuture());
  server->Shutdown(kShutdownGrace);  // Batches in progress are finished: callers need not send them again.
  return absl::OkStatus();
}

}  // namespace
}  // namespace maspo

int main(int argc, char** argv) {
  if (argc == 2 && std::string_view(argv[1]) == maspo::kWorkerFlag) return maspo::WorkerMain();
  std::string listen = "127.0.0.1:0";
  return maspo::RoleMain(
      argc, argv, "reward-server",
      [&](CLI::App& app) {
        app.add_option("--listen", listen, "host:port to serve on; port 0 = any free one")->capture_default_str();
      },
      [&](maspo::RoleContext& role) { return maspo::RunRewardServer(listen, role); });
}
