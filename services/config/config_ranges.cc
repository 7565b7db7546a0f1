#include "services/config/config_ranges.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "services/base/sampling_check.h"
#include "services/base/status_macros.h"

namespace maspo {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

// What one number may be. `above` excludes `low` itself.
struct Range {
  const char* key;
  double low;
  bool above = false;
  double high = std::numeric_limits<double>::infinity();
};

constexpr bool kAbove = true;
constexpr double kMostInt = std::numeric_limits<int32_t>::max();  // Where a count becomes an int.
constexpr double kMostCount = 1e12;                               // Products of two such counts still fit.
constexpr double kMostSeconds = 1e9;                              // Its nanoseconds fit; 31 years.
constexpr double kMostThreads = 1024;
constexpr double kMostReward = 1e6;  // Its square is summed as a float's.
constexpr Range kRanges[] = {
    {"run.steps", 1, !kAbove, kMostCount},
    {"run.stall_seconds", 0, kAbove, kMostSeconds},
    {"run.checkpoint_minutes", 0, !kAbove, kMostSeconds / 60},
    {"run.stop_seconds", 0, !kAbove, kMostSeconds},
    {"data.max_prompt_tokens", 1},
    {"rollout.workers", 1, !kAbove, kMostThreads},
    {"rollout.prompts_per_step", 1},
    {"rollout.group_size", 1},
    {"rollout.max_new_tokens", 1},
    {"rollout.temperature", kLowestTemperature, !kAbove, kHighestTemperature},
    {"rollout.top_p", 0, kAbove, 1},
    {"rollout.max_running_sequences", 1, !kAbove, kMostInt},
    {"rollout.kv_block_tokens", 1, !kAbove, kMostInt},
    {"rollout.kv_cache_tokens", 1, !kAbove, kMostCount},
    {"rollout.prefill_tokens_per_step", 1, !kAbove, kMostInt},
    {"rollout.groups_in_flight", 1, !kAbove, kMostInt},
    {"rollout.scoring_concurrency", 1, !kAbove, 4096},  // Each is a thread.
    {"rollout.threads", 1, !kAbove, kMostThreads},
    {"reward.replicas", 1, !kAbove, kMostThreads},
    {"reward.correct", -kMostReward, !kAbove, kMostReward},
    {"reward.incorrect", -kMostReward, !kAbove, kMostReward},
    {"reward.answer_deadline_ms", 0, kAbove, 3.6e6},
    {"reward.max_batch_items", 1},
    {"reward.threads", 1, !kAbove, kMostThreads},
    {"reward.worker_memory_mib", 1},
    {"reward.max_waiting_items", 1},
    {"reward.external_timeout_seconds", 0, kAbove, kMostSeconds},
    {"reward.external_attempts", 1, !kAbove, kMostInt},
    {"reward.external_concurrency", 1, !kAbove, kMostThreads},
    {"reward.external_batch_items", 1},
    {"reward.external_max_response_kib", 1},
    {"learner.mini_batch_groups", 1},
    {"learner.micro_batch_tokens", 1},
    {"learner.logits_mib", 1},
    {"learner.ranks", 1, !kAbove, 4096},
    {"learner.min_micro_batches", 1, !kAbove, 65536},
    {"learner.rank_timeout_seconds", 0, kAbove, kMostSeconds},
    {"learner.max_staleness", 0, !kAbove, 1e6},
    {"learner.threads", 1, !kAbove, kMostThreads},
    {"learner.optimizer.learning_rate", 0, kAbove},
    {"learner.optimizer.eps", 0, kAbove},
    {"learner.optimizer.weight_decay", 0},
    {"learner.optimizer.max_grad_norm", 0},
    {"learner.optimizer.warmup_steps", 0, !kAbove, kMostCount},
    {"learner.optimizer.final_learning_rate_ratio", 0},
    {"evaluation.samples", 1},
    {"evaluation.temperature", 0, !kAbove, kHighestTemperature},
    {"evaluation.top_p", 0, kAbove, 1},
    {"weights.timeout_seconds", 0, kAbove, kMostSeconds},
    {"weights.gather_seconds", 0, !kAbove, kMostSeconds},
    {"network.call_timeout_seconds", 0, kAbove, kMostSeconds},
    {"network.heartbeat_seconds", 0.01, !kAbove, kMostSeconds},
    {"network.heartbeat_timeout_seconds", 0, kAbove, kMostSeconds},
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

// 2147483647 and 0.001, not 2.14748e+09.
std::string NumberText(double value) {
  const bool whole = value == std::floor(value) && std::abs(value) < 1e15;
  return whole ? absl::StrCat(static_cast<int64_t>(value)) : absl::StrCat(value);
}

}  // namespace

absl::Status CheckRanges(const v1::RunConfig& config) {
  for (const Range& range : kRanges) {
    const double value = NumberAt(config, range.key);
    const bool low_enough = range.above ? value > range.low : value >= range.low;
    if (low_enough && value <= range.high) continue;
    const bool bounded = range.high < std::numeric_limits<double>::infinity();
    return absl::InvalidArgumentError(
        absl::StrCat(range.key, " is ", NumberText(value), "; it must be ", range.above ? "greater than " : "at least ",
                     NumberText(range.low), bounded ? absl::StrCat(" and at most ", NumberText(range.high)) : ""));
  }
  return absl::OkStatus();
}

}  // namespace maspo
