#include "cli/train/input_check.h"

#include <spdlog/spdlog.h>

#include <memory>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "cli/train/source_names.h"
#include "collective/device.h"
#include "learner/learner_config.h"
#include "learner/plan/run_plan.h"
#include "model/hugging_face.h"
#include "model/tokenizer.h"
#include "reward_server/rewards/reward_function.h"
#include "reward_server/verifier_options.h"
#include "services/base/address.h"
#include "services/base/machine_memory.h"
#include "services/base/status_macros.h"
#include "services/config/config_loader.h"
#include "services/rpc/credentials.h"

namespace maspo {
namespace {

absl::Status CheckAddress(const std::string& key, const Address& address) {
  const absl::Status status = CanBind(address);
  if (status.ok()) return status;
  return absl::InvalidArgumentError(absl::StrCat(key, ": cannot serve at ", address.ToString(), ": ",
                                                 std::string(status.message()), "; choose another, or port 0 for any"));
}

// Addresses that the processes of this machine bind.
absl::Status CheckAddresses(const v1::RunConfig& config) {
  const v1::NetworkSection& network = config.network();
  const v1::MetricsSection& metrics = config.metrics();
  if (metrics.port() != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("metrics.port is ", metrics.port(), ", but `maspo train` starts ",
                     1 + config.rollout().workers() + config.reward().replicas(),
                     " processes here, each with a port of its own; set it to 0, and find the ports in the logs"));
  }
  if (network.reward_servers_size() > static_cast<int>(config.reward().replicas())) {
    return absl::InvalidArgumentError(absl::StrCat(
        "network.reward_servers names ", network.reward_servers_size(), " servers, but `maspo train` starts ",
        config.reward().replicas(), "; set reward.replicas to as many, or start the roles by themselves"));
  }
  std::set<std::string> fixed;
  const auto check = [&fixed](const std::string& key, const std::string& endpoint) -> absl::Status {
    MASPO_ASSIGN_OR_RETURN(const Address address, ParseAddress(endpoint));
    if (address.port != 0 && !fixed.insert(address.ToString()).second) {
      return absl::InvalidArgumentError(absl::StrCat(key, ": ", endpoint, " is given to two processes"));
    }
    return CheckAddress(key, address);
  };
  MASPO_RETURN_IF_ERROR(check("network.learner", network.learner()));
  for (const std::string& server : network.reward_servers()) {
    MASPO_RETURN_IF_ERROR(check("network.reward_servers", server));
  }
  MASPO_RETURN_IF_ERROR(CheckAddress("metrics.listen_host", {.host = metrics.listen_host()}));
  const absl::StatusOr<std::string> host = HostOrOwn(config.weights().listen_host());
  if (!host.ok()) return Annotate(host.status(), "weights.listen_host");
  return CheckAddress("weights.listen_host", {.host = *host});
}

absl::Status CheckCredentials(const v1::NetworkSection& network) {
  MASPO_RETURN_IF_ERROR(MakeServerCredentials(network).status());
  return MakeChannelCredentials(network).status();
}

absl::Status CheckRewards(const v1::RewardSection& reward) {
  MASPO_RETURN_IF_ERROR(AnswerVerifier::Create(VerifierOptionsFrom(reward)).status());
  return RewardFunction::Create(reward).status();
}

absl::Status CheckUpdates(const v1::RunConfig& config) {
  MASPO_RETURN_IF_ERROR(MakeObjective(config.learner().objective()).status());
  MASPO_RETURN_IF_ERROR(TrainingAdvantage(config).status());
  return LoopOptions(config).status();
}

// All ranks of a CPU's run share this machine; with GPUs each rank looks at its own.
absl::Status CheckMemory(const v1::RunConfig& config, const ModelConfig& model) {
  if (config.model().device() != "cpu") return absl::OkStatus();
  const int64_t ranks = config.learner().ranks();
  return CheckRanksFit(RankMemory(model, config, ranks), config, ranks, MachineMemory(), "this machine");
}

absl::Status CheckModelAndData(const v1::RunConfig& config) {
  const std::string& folder = config.model().path();
  MASPO_RETURN_IF_ERROR(LoadDevice(config.model().device()).status());
  MASPO_ASSIGN_OR_RETURN(const ModelConfig model, ModelConfig::Load(folder));
  MASPO_ASSIGN_OR_RETURN(const std::unique_ptr<Tokenizer> tokenizer, Tokenizer::Load(folder));
  MASPO_RETURN_IF_ERROR(CheckGeneration(config, model, *tokenizer));
  std::set<std::string> sources;
  for (const auto& files : {config.data().train(), config.data().eval()}) {
    if (files.empty()) continue;  // Nothing is evaluated.
    MASPO_ASSIGN_OR_RETURN(const PromptDataset dataset, LoadPrompts(files, config, model, *tokenizer));
    for (const PromptProblem& problem : dataset.problems()) sources.insert(problem.source);
  }
  MASPO_RETURN_IF_ERROR(CheckMemory(config, model));
  for (const std::string& sentence : UnknownSources(config.reward(), sources)) spdlog::warn("{}", sentence);
  return CheckWeights(folder, model);
}

}  // namespace

absl::Status CheckInput(const v1::RunConfig& config) {
  MASPO_RETURN_IF_ERROR(CheckModelFolder(config.model()));
  MASPO_RETURN_IF_ERROR(CheckDataFiles(config.data()));
  MASPO_RETURN_IF_ERROR(CheckUpdates(config));
  MASPO_RETURN_IF_ERROR(CheckRewards(config.reward()));
  MASPO_RETURN_IF_ERROR(CheckCredentials(config.network()));
  MASPO_RETURN_IF_ERROR(CheckAddresses(config));
  return CheckModelAndData(config);
}

}  // namespace maspo
