#include "learner/recorded/recorded_groups.h"

#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "services/base/atomic_file.h"
#include "services/base/jsonl.h"
#include "services/base/status_macros.h"

namespace maspo {
namespace {

using nlohmann::json;

template <typename... Parts>
absl::Status Invalid(const Parts&... parts) {
  return absl::InvalidArgumentError(absl::StrCat(parts...));
}

absl::Status CheckTokens(const std::vector<int64_t>& token_ids, const std::string& name, int64_t vocab_size,
                         const std::string& where) {
  for (const int64_t id : token_ids) {
    if (id >= vocab_size) {
      return Invalid(where, ": \"", name, "\" has token id ", id, ", but the model's vocab_size is ", vocab_size);
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<float> FiniteNumber(const json& value, const std::string& what, const std::string& where) {
  const double number = value.is_number() ? value.get<double>() : NAN;
  if (!std::isfinite(number)) {
    return Invalid(where, ": ", what, " must be a finite number, not ", value.dump().substr(0, 60));
  }
  return static_cast<float>(number);
}

absl::Status ReadResponse(const json& object, int64_t vocab_size, const std::string& where, v1::Trajectory& out) {
  if (!object.is_object()) return Invalid(where, " must be an object");
  MASPO_RETURN_IF_ERROR(RefuseUnknownFields(object, {"token_ids", "behavior_logprobs", "reward"}, where));
  MASPO_ASSIGN_OR_RETURN(const std::vector<int64_t> token_ids, TokenIdsField(object, "token_ids", where));
  MASPO_RETURN_IF_ERROR(CheckTokens(token_ids, "token_ids", vocab_size, where));
  out.mutable_token_ids()->Add(token_ids.begin(), token_ids.end());
  if (!object.contains("reward")) return Invalid(where, ": field \"reward\" is missing");
  MASPO_ASSIGN_OR_RETURN(const float reward, FiniteNumber(object["reward"], "\"reward\"", where));
  out.set_reward(reward);
  if (!object.contains("behavior_logprobs") || !object["behavior_logprobs"].is_array()) {
    return Invalid(where, ": field \"behavior_logprobs\" must be an array of numbers");
  }
  const json& logprobs = object["behavior_logprobs"];
  if (logprobs.size() != token_ids.size()) {
    return Invalid(where, ": \"behavior_logprobs\" has ", logprobs.size(), " numbers for ", token_ids.size(),
                   " tokens");
  }
  for (const json& logprob : logprobs) {
    MASPO_ASSIGN_OR_RETURN(const float value, FiniteNumber(logprob, "every one of \"behavior_logprobs\"", where));
    out.add_behavior_logprobs(value);
  }
  return absl::OkStatus();
}

absl::StatusOr<v1::TrajectoryGroup> ReadGroup(const json& object, int64_t vocab_size, int64_t max_positions,
                                              const std::string& where) {
  MASPO_RETURN_IF_ERROR(RefuseUnknownFields(object, {"group_id", "prompt_token_ids", "responses"}, where));
  v1::TrajectoryGroup group;
  MASPO_ASSIGN_OR_RETURN(*group.mutable_group_id(), IdField(object, "group_id", where));
  MASPO_ASSIGN_OR_RETURN(const std::vector<int64_t> prompt, TokenIdsField(object, "prompt_token_ids", where));
  MASPO_RETURN_IF_ERROR(CheckTokens(prompt, "prompt_token_ids", vocab_size, where));
  if (prompt.empty()) return Invalid(where, ": \"prompt_token_ids\" is empty; a first token needs one before it");
  group.mutable_prompt_token_ids()->Add(prompt.begin(), prompt.end());
  if (!object.contains("responses") || !object["responses"].is_array() || object["responses"].empty()) {
    return Invalid(where, ": field \"responses\" must be an array of at least one response");
  }
  for (const json& response : object["responses"]) {
    const std::string place = absl::StrCat(where, ": response ", group.trajectories_size());
    MASPO_RETURN_IF_ERROR(ReadResponse(response, vocab_size, place, *group.add_trajectories()));
    const auto length = static_cast<int64_t>(prompt.size()) + group.trajectories().rbegin()->token_ids_size();
    if (length > max_positions) {
      return Invalid(place, " and its prompt have ", length, " tokens, more than the ", max_positions,
                     " positions of the model");
    }
  }
  return group;
}

}  // namespace

absl::StatusOr<std::vector<v1::TrajectoryGroup>> ReadRecordedGroups(const std::vector<std::string>& paths,
                                                                    int64_t vocab_size, int64_t max_positions) {
  std::vector<v1::TrajectoryGroup> groups;
  for (const std::string& path : paths) {
    MASPO_ASSIGN_OR_RETURN(JsonlReader reader, JsonlReader::Open(path));
    json object;
    while (true) {
      MASPO_ASSIGN_OR_RETURN(const bool has_line, reader.Next(object));
      if (!has_line) break;
      MASPO_ASSIGN_OR_RETURN(groups.emplace_back(), ReadGroup(object, vocab_size, max_positions, reader.where()));
    }
  }
  if (groups.empty()) return Invalid(paths.empty() ? "no file" : paths.front(), " has no groups");
  return groups;
}

std::string RecordedLine(const v1::TrajectoryGroup& group) {
  nlohmann::ordered_json line;
  line["group_id"] = group.group_id();
  line["prompt_token_ids"] = std::vector<uint32_t>(group.prompt_token_ids().begin(), group.prompt_token_ids().end());
  line["responses"] = nlohmann::ordered_json::array();
  for (const v1::Trajectory& trajectory : group.trajectories()) {
    const bool is_restricted = !trajectory.policy_logprobs().empty();
    const auto& logprobs = is_restricted ? trajectory.policy_logprobs() : trajectory.behavior_logprobs();
    line["responses"].push_back(
        {{"token_ids", std::vector<uint32_t>(trajectory.token_ids().begin(), trajectory.token_ids().end())},
         {"behavior_logprobs", std::vector<float>(logprobs.begin(), logprobs.end())},
         {"reward", trajectory.reward()}});
  }
  return line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

absl::Status WriteRecordedStep(const std::string& run_dir, uint64_t step,
                               const std::vector<v1::TrajectoryGroup>& groups) {
  const std::string folder = run_dir + "/groups";
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return absl::UnavailableError(absl::StrCat("cannot make ", folder, ": ", error.message()));
  MASPO_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::Create(absl::StrFormat("%s/step-%08d.jsonl", folder, step)));
  for (const v1::TrajectoryGroup& group : groups) file.stream() << RecordedLine(group) << '\n';
  return file.Commit();
}

}  // namespace maspo
