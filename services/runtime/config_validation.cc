#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "services/base/status_macros.h"
#include "services/runtime/config_files.h"
#include "services/runtime/config_loader.h"
#include "services/runtime/external_scorers.h"
#include "services/runtime/network_policy.h"

namespace maspo {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

template <typename... Parts>
absl::Status Invalid(const Parts&... parts) {
  return absl::InvalidArgumentError(absl::StrCat(parts...));
}

// What one number may be. `above` excludes `low` itself.
struct Range {
  const char* key;
  double low;
  bool above = false;
  double high = std::numeric_limits<double>::infinity();
};

constexpr bool kAbove = true;
constexpr Range kRanges[] = {
    {"run.steps", 1},
    {"run.stall_seconds", 0, kAbove},
    {"data.max_prompt_tokens", 1},
    {"rollout.workers", 1},
    {"rollout.prompts_per_step", 1},
    {"rollout.group_size", 1},
    {"rollout.max_new_tokens", 1},
    {"rollout.temperature", 0, kAbove},
    {"rollout.top_p", 0, kAbove, 1},
    {"rollout.max_running_sequences", 1},
    {"rollout.kv_block_tokens", 1},
    {"rollout.prefill_tokens_per_step", 1},
    {"rollout.groups_in_flight", 1},
    {"rollout.threads", 1},
    {"reward.replicas", 1},
    {"reward.answer_deadline_ms", 0, kAbove},
    {"reward.max_batch_items", 1},
    {"reward.threads", 1},
    {"reward.max_waiting_items", 1},
    {"reward.external_timeout_seconds", 0, kAbove},
    {"reward.external_attempts", 1},
    {"reward.external_concurrency", 1},
    {"reward.external_batch_items", 1},
    {"reward.external_max_response_kib", 1},
    {"learner.mini_batch_groups", 1},
    {"learner.micro_batch_tokens", 1},
    {"learner.logits_mib", 1},
    {"learner.threads", 1},
    {"learner.optimizer.learning_rate", 0, kAbove},
    {"learner.optimizer.eps", 0, kAbove},
    {"learner.optimizer.weight_decay", 0},
    {"learner.optimizer.max_grad_norm", 0},
    {"learner.optimizer.final_learning_rate_ratio", 0},
    {"evaluation.samples", 1},
    {"evaluation.temperature", 0},
    {"evaluation.top_p", 0, kAbove, 1},
    {"weights.timeout_seconds", 0, kAbove},
    {"weights.gather_seconds", 0},
    {"network.call_timeout_seconds", 0, kAbove},
    {"network.heartbeat_seconds", 0, kAbove},
    {"network.max_message_mib", 1, !kAbove, 2047},  // gRPC counts message bytes in an int.
    {"metrics.port", 0, !kAbove, 65535},
};

// The number at a key path, defaults included.
double NumberAt(const v1::RunConfig& config, const std::string& key_path) {
  const Message* section = &config;
  for (const std::string& key : std::vector<std::string>(absl::StrSplit(key_path, '.'))) {
    const FieldDescriptor* field = section->GetDescriptor()->FindFieldByName(key);
    MASPO_CHECK(field != nullptr);
    const auto* reflection = section->GetReflection();
    switch (field->cpp_type()) {
      case FieldDescriptor::CPPTYPE_MESSAGE:
        section = &reflection->GetMessage(*section, field);
        break;
      case FieldDescriptor::CPPTYPE_DOUBLE:
        return reflection->GetDouble(*section, field);
      case FieldDescriptor::CPPTYPE_UINT32:
        return reflection->GetUInt32(*section, field);
      default:
        return static_cast<double>(reflection->GetUInt64(*section, field));
    }
  }
  MASPO_CHECK(!"the key path of a range ends at a section");
  return 0;
}

absl::Status CheckRanges(const v1::RunConfig& config) {
  for (const Range& range : kRanges) {
    const double value = NumberAt(config, range.key);
    const bool low_enough = range.above ? value > range.low : value >= range.low;
    if (low_enough && value <= range.high) continue;
    const bool bounded = range.high < std::numeric_limits<double>::infinity();
    return Invalid(range.key, " is ", value, "; it must be ", range.above ? "greater than " : "at least ", range.low,
                   bounded ? absl::StrCat(" and at most ", range.high) : "");
  }
  return absl::OkStatus();
}

absl::Status CheckBatches(const v1::RunConfig& config) {
  const v1::RolloutSection& rollout = config.rollout();
  const v1::LearnerSection& learner = config.learner();
  const std::string& advantage = learner.advantage().name();
  const bool alone = advantage == "reinforce_pp" || advantage == "gae" || advantage == "remax";
  if (!alone && rollout.group_size() < 2) {
    return Invalid("rollout.group_size is ", rollout.group_size(), "; the advantage ", advantage,
                   " compares the responses of a group and needs at least 2");
  }
  if (learner.mini_batch_groups() > rollout.prompts_per_step()) {
    return Invalid("learner.mini_batch_groups is ", learner.mini_batch_groups(),
                   ", more than the rollout.prompts_per_step of ", rollout.prompts_per_step(), " that a step has");
  }
  const uint64_t longest = uint64_t{config.data().max_prompt_tokens()} + rollout.max_new_tokens();
  if (rollout.kv_cache_tokens() < longest) {
    return Invalid("rollout.kv_cache_tokens is ", rollout.kv_cache_tokens(), ", less than one sequence of ", longest,
                   " tokens needs (data.max_prompt_tokens + rollout.max_new_tokens)");
  }
  // A submitted group holds an id (at most 5 bytes) and a log-probability (4) for every token.
  const uint64_t group_bytes = 9 * uint64_t{rollout.group_size()} * rollout.max_new_tokens();
  if (group_bytes > uint64_t{config.network().max_message_mib()} << 20) {
    return Invalid("network.max_message_mib is ", config.network().max_message_mib(), "; a group of ",
                   rollout.group_size(), " responses with ", rollout.max_new_tokens(), " tokens needs up to ",
                   (group_bytes >> 20) + 1);
  }
  return absl::OkStatus();
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
  if (evaluation.has_max_new_tokens() && evaluation.max_new_tokens() == 0) {
    return Invalid("evaluation.max_new_tokens is 0; it must be at least 1, or unset for rollout.max_new_tokens");
  }
  return absl::OkStatus();
}

absl::Status CheckWeights(const v1::RunConfig& config) {
  const std::string& backend = config.weights().backend();
  if (backend != "auto" && backend != "nccl" && backend != "gloo") {
    return Invalid("weights.backend is \"", backend, "\"; it must be auto, nccl or gloo");
  }
  if (backend == "nccl" && config.model().device() == "cpu") {
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

}  // namespace

absl::Status ValidateConfig(const v1::RunConfig& config) {
  MASPO_RETURN_IF_ERROR(CheckRanges(config));
  MASPO_RETURN_IF_ERROR(CheckBatches(config));
  MASPO_RETURN_IF_ERROR(CheckReward(config));
  MASPO_RETURN_IF_ERROR(CheckOptimizer(config.learner().optimizer()));
  MASPO_RETURN_IF_ERROR(CheckEvaluation(config.evaluation()));
  MASPO_RETURN_IF_ERROR(CheckWeights(config));
  return CheckNetwork(config.network());
}

}  // namespace maspo
