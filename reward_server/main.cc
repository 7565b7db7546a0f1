// maspo-reward-server: verifies final answers over gRPC.
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "reward_server/external/http_scorer_client.h"
#include "reward_server/rewards/reward_function.h"
#include "reward_server/scoring/scoring_pool.h"
#include "reward_server/scoring/source_router.h"
#include "reward_server/verifier_options.h"
#include "reward_server/worker/supervised_verifier.h"
#include "reward_server/worker/worker_main.h"
#include "services/base/descriptor_limit.h"
#include "services/base/status_macros.h"
#include "services/config/external_scorers.h"
#include "services/process/role_main.h"
#include "services/reward/reward_client.h"
#include "services/reward/reward_service.h"
#include "services/rpc/server_runner.h"

namespace maspo {
namespace {

constexpr absl::Duration kShutdownGrace = absl::Seconds(2);

// Whoever judges the problems of a source in place of the verifier, as reward.external_scorers says.
absl::Status AddExternalScorers(const v1::RunConfig& config, SourceRouter& router) {
  const v1::RewardSection& reward = config.reward();
  MASPO_ASSIGN_OR_RETURN(const std::vector<ExternalScorerAddress> addresses, ExternalScorersOf(config));
  for (const ExternalScorerAddress& address : addresses) {
    if (address.scheme == ExternalScorerAddress::Scheme::kGrpc) {
      RewardClient::Options options{.endpoints = {address.endpoint},
                                    .network = config.network(),
                                    .key = "reward.external_scorers",
                                    .max_batch_items = reward.external_batch_items(),
                                    .attempts = static_cast<int>(reward.external_attempts())};
      options.network.set_call_timeout_seconds(reward.external_timeout_seconds());
      MASPO_ASSIGN_OR_RETURN(auto client, RewardClient::Create(options));
      router.Add(address.source, std::move(client));
      continue;
    }
    const bool is_plain = address.scheme == ExternalScorerAddress::Scheme::kHttp;
    router.Add(address.source, std::make_unique<HttpScorerClient>(HttpScorerClient::Options{
                                   .origin = absl::StrCat(is_plain ? "http://" : "https://", address.endpoint),
                                   .path = address.path,
                                   .ca_file = config.network().tls().ca_file(),
                                   .timeout = absl::Seconds(reward.external_timeout_seconds()),
                                   .attempts = static_cast<int>(reward.external_attempts()),
                                   .max_response_bytes = size_t{reward.external_max_response_kib()} << 10,
                                   .correct = reward.correct(),
                                   .incorrect = reward.incorrect()}));
  }
  return absl::OkStatus();
}

// Beside the usual ones, a verifying thread's pipes to its process and the connections to external scorers.
uint64_t DescriptorsNeeded(const v1::RewardSection& reward) {
  const uint64_t calls = reward.external_scorers_size() * uint64_t{reward.external_concurrency()};
  return 48 + uint64_t{4} * reward.threads() + calls;
}

absl::Status RunRewardServer(const std::string& listen, RoleContext& role) {
  const v1::RewardSection& reward = role.config.reward();
  MASPO_RETURN_IF_ERROR(ReserveDescriptors(DescriptorsNeeded(reward)));
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
  SourceRouter router(
      &pool, [&](const auto& item, v1::Verdict verdict) { return rewards->Terms(item, verdict); },
      {.batch_items = reward.external_batch_items(), .concurrency = static_cast<int>(reward.external_concurrency())},
      role.metrics);
  MASPO_RETURN_IF_ERROR(AddExternalScorers(role.config, router));
  RewardService service(&router, {.max_batch_items = reward.max_batch_items()}, role.metrics);
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
