#include "learner/supervised/supervised_data.h"

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "model/chat_json.h"
#include "services/base/jsonl.h"
#include "services/base/status_macros.h"

namespace maspo {
namespace {

absl::StatusOr<std::vector<int64_t>> EncodePrompt(const nlohmann::json& object, const Tokenizer& tokenizer,
                                                  const std::string& where) {
  if (object.contains("prompt") == object.contains("messages")) {
    return absl::InvalidArgumentError(absl::StrCat(where, ": give either \"prompt\" (text) or \"messages\" (chat)"));
  }
  if (object.contains("prompt")) {
    MASPO_ASSIGN_OR_RETURN(const std::string prompt, StringField(object, "prompt", where));
    return tokenizer.Encode(prompt, /*add_special_tokens=*/true);
  }
  MASPO_ASSIGN_OR_RETURN(const std::vector<ChatMessage> messages, MessagesField(object, where));
  MASPO_ASSIGN_OR_RETURN(const std::string text, tokenizer.ApplyChatTemplate(messages, /*add_generation_prompt=*/true));
  return tokenizer.Encode(text, /*add_special_tokens=*/false);
}

absl::StatusOr<TrainingGroup> ToGroup(const nlohmann::json& object, const Tokenizer& tokenizer, int64_t max_tokens,
                                      const std::string& where) {
  MASPO_RETURN_IF_ERROR(RefuseUnknownFields(object, {"id", "prompt", "messages", "response"}, where));
  MASPO_ASSIGN_OR_RETURN(const std::string response, StringField(object, "response", where));
  if (response.empty()) return absl::InvalidArgumentError(absl::StrCat(where, ": \"response\" is empty"));
  TrainingGroup group;
  group.group_id = where;
  MASPO_ASSIGN_OR_RETURN(group.prompt, EncodePrompt(object, tokenizer, where));
  TrainingResponse& out = group.responses.emplace_back();
  MASPO_ASSIGN_OR_RETURN(out.token_ids, tokenizer.Encode(response, /*add_special_tokens=*/false));
  out.token_ids.push_back(tokenizer.stop_token_ids().front());
  out.old_logprobs.assign(out.token_ids.size(), 0.0f);
  out.advantages.assign(out.token_ids.size(), 1.0f);
  const auto tokens = static_cast<int64_t>(group.prompt.size() + out.token_ids.size());
  if (group.prompt.empty() || tokens > max_tokens) {
    return absl::InvalidArgumentError(absl::StrCat(where, ": the sequence has ", tokens, " tokens (",
                                                   group.prompt.size(), " of the prompt); between 2 and ", max_tokens,
                                                   " are possible"));
  }
  return group;
}

}  // namespace

absl::StatusOr<std::vector<TrainingGroup>> LoadSupervisedData(const std::string& path, const Tokenizer& tokenizer,
                                                              int64_t max_tokens) {
  if (tokenizer.stop_token_ids().empty()) {
    return absl::FailedPreconditionError(
        "the model folder names no stop token; add eos_token_id to generation_config.json");
  }
  MASPO_ASSIGN_OR_RETURN(JsonlReader reader, JsonlReader::Open(path));
  std::vector<TrainingGroup> groups;
  nlohmann::json object;
  while (true) {
    MASPO_ASSIGN_OR_RETURN(const bool has_line, reader.Next(object));
    if (!has_line) break;
    MASPO_ASSIGN_OR_RETURN(groups.emplace_back(), ToGroup(object, tokenizer, max_tokens, reader.where()));
  }
  if (groups.empty()) return absl::InvalidArgumentError(absl::StrCat(path, " has no examples"));
  return groups;
}

}  // namespace maspo
