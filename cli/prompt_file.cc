#include "cli/prompt_file.h"

#include <utility>

#include "absl/container/flat_hash_map.h"
#include "model/chat_json.h"
#include "services/base/jsonl.h"
#include "services/base/status_macros.h"

namespace maspo {
namespace {

absl::StatusOr<std::vector<int64_t>> TokenIds(const nlohmann::json& object, const Tokenizer& tokenizer,
                                              const std::string& where) {
  if (object.contains("prompt") + object.contains("messages") + object.contains("token_ids") != 1) {
    return absl::InvalidArgumentError(
        absl::StrCat(where, ": exactly one of \"prompt\" (text), \"messages\" (chat) and \"token_ids\" is needed"));
  }
  if (object.contains("token_ids")) return TokenIdsField(object, "token_ids", where);
  if (object.contains("prompt")) {
    MASPO_ASSIGN_OR_RETURN(const std::string prompt, StringField(object, "prompt", where));
    return tokenizer.Encode(prompt, /*add_special_tokens=*/true);
  }
  MASPO_ASSIGN_OR_RETURN(const std::vector<ChatMessage> messages, MessagesField(object, where));
  const absl::StatusOr<std::string> text = tokenizer.ApplyChatTemplate(messages, /*add_generation_prompt=*/true);
  if (!text.ok()) return Annotate(text.status(), where);
  return tokenizer.Encode(*text, /*add_special_tokens=*/false);
}

}  // namespace

absl::StatusOr<std::vector<PromptLine>> ReadPromptFile(const std::string& path, const Tokenizer& tokenizer) {
  MASPO_ASSIGN_OR_RETURN(JsonlReader reader, JsonlReader::Open(path));
  std::vector<PromptLine> lines;
  absl::flat_hash_map<std::string, std::string> place_of_id;
  nlohmann::json object;
  while (true) {
    MASPO_ASSIGN_OR_RETURN(const bool has_line, reader.Next(object));
    if (!has_line) break;
    PromptLine& line = lines.emplace_back();
    line.where = reader.where();
    MASPO_RETURN_IF_ERROR(RefuseUnknownFields(object, {"id", "prompt", "messages", "token_ids"}, line.where));
    MASPO_ASSIGN_OR_RETURN(line.id_text, IdField(object, "id", line.where));
    line.id = object.at("id");
    // Two prompts of one id would draw the same random numbers.
    if (const auto [first, is_new] = place_of_id.emplace(line.id_text, line.where); !is_new) {
      return absl::InvalidArgumentError(
          absl::StrCat(line.where, ": id \"", line.id_text, "\" was already used at ", first->second));
    }
    MASPO_ASSIGN_OR_RETURN(line.token_ids, TokenIds(object, tokenizer, line.where));
  }
  if (lines.empty()) return absl::InvalidArgumentError(absl::StrCat(path, " has no prompts"));
  return lines;
}

}  // namespace maspo
