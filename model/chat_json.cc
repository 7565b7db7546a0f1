#include "model/chat_json.h"

#include "absl/strings/str_cat.h"
#include "services/base/jsonl.h"
#include "services/base/status_macros.h"

namespace maspo {

absl::StatusOr<std::vector<ChatMessage>> MessagesField(const nlohmann::json& object, const std::string& where) {
  const auto field = object.find("messages");
  if (field == object.end() || !field->is_array() || field->empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(where, ": field \"messages\" must be a list of {role, content}, not empty"));
  }
  std::vector<ChatMessage> messages;
  for (const nlohmann::json& entry : *field) {
    const std::string place = absl::StrCat(where, ": messages[", messages.size(), "]");
    if (!entry.is_object())
      return absl::InvalidArgumentError(absl::StrCat(place, " must be an object {role, content}"));
    MASPO_RETURN_IF_ERROR(RefuseUnknownFields(entry, {"role", "content"}, place));
    ChatMessage& message = messages.emplace_back();
    MASPO_ASSIGN_OR_RETURN(message.role, StringField(entry, "role", place));
    MASPO_ASSIGN_OR_RETURN(message.content, StringField(entry, "content", place));
  }
  return messages;
}

}  // namespace maspo
