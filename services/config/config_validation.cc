#include <cstdint>
#include <limits>
#include <string>

#include "absl/strings/str_cat.h"
#include "services/base/sampling_check.h"
#include "services/base/spelling.h"
#include "services/base/status_macros.h"
#include "services/config/config_files.h"
#include "services/config/config_loader.h"
#include "services/config/config_ranges.h"
#include "services/config/external_scorers.h"
#include "services/config/network_policy.h"

namespace maspo {
namespace {

template <typename... Parts>
absl::Status Invalid(const Parts&... parts) {
  return absl::InvalidArgumentError(absl::StrCat(parts...));
}

// Whether the advantage of a response is known only beside others of its group.
bool ComparesResponses(v1::Advantage advantage) {
  switch (advantage) {
    case v1::ADVANTAGE_GRPO:
    case v1::ADVANTAGE_RLOO:
    case v1::ADVANTAGE_OPO:
    case v1::ADVANTAGE_REINFORCE_PP_BASELINE:
      return true;
    case v1::ADVANTAGE_REINFORCE_PP:
    case v1::ADVANTAGE_GAE:
    case v1::ADVANTAGE_REMAX:
      return false;
  }
  return true;
}

absl::Status CheckBatches(const v1::RunConfig& config) {
  const v1::RolloutSection& rollout = config.rollout();
  const v1::LearnerSection& learner = config.learner();
  const v1::Advantage advantage = learner.advantage().name();
  if (rollout.group_size() < 2 && ComparesResponses(advantage)) {
    return Invalid("rollout.group_size is ", rollout.group_size(), "; the advantage ", Spelling(advantage),
                   " compares the responses of a group and needs at least 2");
  }
  if (rollout.group_size() < 2 && learner.dynamic_sampling()) {
    return Invalid(
        "learner.dynamic_sampling replaces groups with all or no responses correct, which every group of "
        "rollout.group_size 1 is; raise it or turn dynamic_sampling off");
  }
  if (learner.mini_batch_groups() > rollout.prompts_per_step()) {
    return Invalid("learner.mini_batch_groups is ", learner.mini_batch_groups(),
                   ", more than the rollout.prompts_per_step of ", rollout.prompts_per_step(), " that a step has");
  }
  return absl::OkStatus();
}

// A group that one purpose asks workers for.
struct GroupShape {
  const char* samples_key;
  uint64_t samples;
  const char* tokens_key;
  uint64_t tokens;  // Of a response, at most.
  bool restricted;  // By top_p or top_k.
};

// A worker must be able to hold one of its sequences, and to send all of it.
absl::Status CheckGroup(const v1::RunConfig& config, const GroupShape& group) {
  const v1::RolloutSection& rollout = config.rollout();
  const uint64_t longest = config.data().max_prompt_tokens() + group.tokens;
  if (rollout.kv_cache_tokens() < longest) {
    return Invalid("rollout.kv_cache_tokens is ", rollout.kv_cache_tokens(), ", less than one sequence of ", longest,
                   " tokens needs (data.max_prompt_tokens + ", group.tokens_key, ")");
  }
  // A submitted group holds an id (at most 5 bytes) and a log-probability (4) or two for every token.
  const double group_bytes =
      (group.restricted ? 13.0 : 9.0) * static_cast<double>(group.samples) * static_cast<double>(group.tokens);
  const auto needed_mib = static_cast<uint64_t>(group_bytes / (1 << 20)) + 1;
  if (group_bytes <= static_cast<double>(uint64_t{config.network().max_message_mib()} << 20)) return absl::OkStatus();
  return Invalid("network.max_message_mib is ", config.network().max_message_mib(), "; a group of ", group.samples,
                 " responses (", group.samples_key, ") with ", group.tokens, " tokens (", group.tokens_key,
                 ") needs up to ", needed_mib);
}

absl::Status CheckGroups(const v1::RunConfig& config) {
  const v1::RolloutSection& rollout = config.rollout();
  const v1::EvaluationSection& evaluation = config.evaluation();
  MASPO_RETURN_IF_ERROR(CheckGroup(config, {"rollout.group_size", rollout.group_size(), "rollout.max_new_tokens",
                                            rollout.max_new_tokens(), rollout.top_p() < 1 || rollout.top_k() > 0}));
  if (config.data().eval().empty()) return absl::OkStatus();
  const bool own_length = evaluation.has_max_new_tokens();
  return CheckGroup(
      config,
      {"evaluation.samples", evaluation.samples(), own_length ? "evaluation.max_new_tokens" : "rollout.max_new_tokens",
       own_length ? evaluation.max_new_tokens() : rollout.max_new_tokens(), evaluation.top_p() < 1});
}

absl::Status CheckCache(const v1::RolloutSection& rollout) {
  const double blocks = static_cast<double>(rollout.kv_cache_tokens()) / rollout.kv_block_tokens();
  constexpr int kMost = std::numeric_limits<int32_t>::max();
  if (blocks < kMost) return absl::OkStatus();
  return Invalid("rollout.kv_cache_tokens is ", rollout.kv_cache_tokens(), ", more than ", kMost,
                 " blocks of rollout.kv_block_tokens; raise the latter");
}

absl::Status CheckReward(const v1::RunConfig& config) {
  const v1::RewardSection& reward = config.reward();
  if (reward.correct() <= reward.incorrect()) {
    return Invalid("reward.correct is ", reward.correct(), "; it must be greater than reward.incorrect, which is ",
                   reward.incorrect());
  }
  if (2 * uint64_t{reward.cache_mib()} > reward.worker_memory_mib()) {
    return Invalid("reward.cache_mib is ", reward.cache_mib(),
                   "; it must be at most half of reward.worker_memory_mib, which is ", reward.worker_memory_mib());
  }
  return ExternalScorersOf(config).status();
}

absl::Status CheckOptimizer(const v1::OptimizerConfig& optimizer) {
  for (const auto& [key, beta] : {std::pair{"beta1", optimizer.beta1()}, std::pair{"beta2", optimizer.beta2()}}) {
    if (beta >= 0 && beta < 1) continue;
    return Invalid("learner.optimizer.", key, " is ", beta, "; it must be at least 0 and less than 1");
  }
  return absl::OkStatus();
}

absl::Status CheckEvaluation(const v1::EvaluationSection& evaluation) {
  for (const uint32_t k : evaluation.k()) {
    if (k >= 1 && k <= evaluation.samples()) continue;
    return Invalid("evaluation.k has ", k, "; Pass@k needs 1 <= k <= evaluation.samples, which is ",
                   evaluation.samples());
  }
  if (evaluation.temperature() != 0 && evaluation.temperature() < kLowestTemperature) {
    return Invalid("evaluation.temperature is ", evaluation.temperature(), "; it must be 0 (greedy) or at least ",
                   kLowestTemperature);
  }
  if (evaluation.has_max_new_tokens() && evaluation.max_new_tokens() == 0) {
    return Invalid("evaluation.max_new_tokens is 0; it must be at least 1, or unset for rollout.max_new_tokens");
  }
  return absl::OkStatus();
}

absl::Status CheckWeights(const v1::RunConfig& config) {
  if (config.weights().backend() == v1::WEIGHT_BACKEND_NCCL && config.model().device() == "cpu") {
    return Invalid("weights.backend is nccl, which needs GPUs, but model.device is cpu; set it to auto or gloo");
  }
  return absl::OkStatus();
}

absl::Status CheckTls(const v1::NetworkSection& network) {
  if (!network.has_tls()) return absl::OkStatus();
  MASPO_RETURN_IF_ERROR(CheckFile("network.tls.ca_file", network.tls().ca_file()));
  MASPO_RETURN_IF_ERROR(CheckFile("network.tls.certificate_file", network.tls().certificate_file()));
  return CheckFile("network.tls.key_file", network.tls().key_file());
}

absl::Status CheckNetwork(const v1::NetworkSection& network) {
  MASPO_RETURN_IF_ERROR(CheckTls(network));
  if (network.has_token_file()) MASPO_RETURN_IF_ERROR(CheckFile("network.token_file", network.token_file()));
  MASPO_RETURN_IF_ERROR(CheckEndpoint("network.learner", network.learner(), network));
  for (const std::string& server : network.reward_servers()) {
    MASPO_RETURN_IF_ERROR(CheckEndpoint("network.reward_servers", server, network));
  }
  if (network.heartbeat_timeout_seconds() <= network.heartbeat_seconds()) {
    return Invalid("network.heartbeat_timeout_seconds is ", network.heartbeat_timeout_seconds(),
                   "; it must be greater than network.heartbeat_seconds, which is ", network.heartbeat_seconds());
  }
  return absl::OkStatus();
}

absl::Status CheckRanks(const v1::LearnerSection& learner) {
  if (learner.ranks() <= learner.min_micro_batches()) return absl::OkStatus();
  return Invalid("learner.ranks is ", learner.ranks(), ", but a mini-batch is only sure to have work for ",
                 learner.min_micro_batches(),
                 " of them; set learner.min_micro_batches to at least as many as there are ranks");
}

}  // namespace

absl::Status ValidateLearner(const v1::RunConfig& config) {
  MASPO_RETURN_IF_ERROR(CheckRanges(config));
  MASPO_RETURN_IF_ERROR(CheckRanks(config.learner()));
  return CheckOptimizer(config.learner().optimizer());
}

absl::Status ValidateConfig(const v1::RunConfig& config) {
  MASPO_RETURN_IF_ERROR(ValidateLearner(config));
  MASPO_RETURN_IF_ERROR(CheckBatches(config));
  MASPO_RETURN_IF_ERROR(CheckGroups(config));
  MASPO_RETURN_IF_ERROR(CheckCache(config.rollout()));
  MASPO_RETURN_IF_ERROR(CheckReward(config));
  MASPO_RETURN_IF_ERROR(CheckEvaluation(config.evaluation()));
  MASPO_RETURN_IF_ERROR(CheckWeights(config));
  return CheckNetwork(config.network());
}

}  // namespace maspo
