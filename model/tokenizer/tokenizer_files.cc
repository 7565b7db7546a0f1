#include "model/tokenizer/tokenizer_files.h"

#include "absl/strings/str_cat.h"
#include "services/base/atomic_file.h"
#include "services/base/status_macros.h"

namespace maspo {
namespace {

using nlohmann::json;

// An empty object when there is no such file.
absl::StatusOr<json> ReadOptionalObject(const std::string& path) {
  const absl::StatusOr<std::string> text = ReadFile(path);
  if (absl::IsNotFound(text.status())) return json::object();
  MASPO_RETURN_IF_ERROR(text.status());
  json object = json::parse(*text, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) return absl::InvalidArgumentError(absl::StrCat(path, ": not a JSON object"));
  return object;
}

absl::StatusOr<std::optional<std::string>> DefaultTemplate(const json& templates, const std::string& path) {
  if (templates.is_null()) return std::nullopt;
  if (templates.is_string()) return templates.get<std::string>();
  if (templates.is_array()) {
    for (const json& entry : templates) {
      if (entry.is_object() && entry.value("name", json()) == "default" &&
          entry.value("template", json()).is_string()) {
        return entry["template"].get<std::string>();
      }
    }
  }
  return absl::InvalidArgumentError(absl::StrCat(
      path,
      ": field \"chat_template\" must be a string, or a list with {\"name\": \"default\", \"template\": \"...\"}"));
}

// A token is written as text, or as an object with its text under "content".
std::optional<std::string> TokenText(const json& token) {
  if (token.is_string()) return token.get<std::string>();
  if (token.is_object() && token.value("content", json()).is_string()) return token["content"].get<std::string>();
  return std::nullopt;
}

bool IsTokenId(const json& id) { return id.is_number_unsigned() && id <= UINT32_MAX; }

}  // namespace

absl::StatusOr<std::optional<std::string>> ReadChatTemplate(const std::string& folder) {
  const absl::StatusOr<std::string> own_file = ReadFile(absl::StrCat(folder, "/chat_template.jinja"));
  if (own_file.ok()) return *own_file;
  if (!absl::IsNotFound(own_file.status())) return own_file.status();
  const std::string path = absl::StrCat(folder, "/tokenizer_config.json");
  MASPO_ASSIGN_OR_RETURN(const json config, ReadOptionalObject(path));
  return DefaultTemplate(config.value("chat_template", json()), path);
}

absl::StatusOr<json> ReadSpecialTokens(const std::string& folder) {
  json tokens = json::object();
  for (const char* file : {"/special_tokens_map.json", "/tokenizer_config.json"}) {  // The later one wins.
    MASPO_ASSIGN_OR_RETURN(const json config, ReadOptionalObject(absl::StrCat(folder, file)));
    for (const char* name :
         {"bos_token", "eos_token", "unk_token", "pad_token", "sep_token", "cls_token", "mask_token"}) {
      const auto text = TokenText(config.value(name, json()));
      if (text) tokens[name] = *text;
    }
  }
  return tokens;
}

absl::StatusOr<std::vector<int64_t>> ReadStopTokenIds(const std::string& folder) {
  for (const char* file : {"/generation_config.json", "/config.json"}) {
    MASPO_ASSIGN_OR_RETURN(const json config, ReadOptionalObject(absl::StrCat(folder, file)));
    const json ids = config.value("eos_token_id", json());
    if (ids.is_null()) continue;
    if (IsTokenId(ids)) return std::vector<int64_t>{ids.get<int64_t>()};
    std::vector<int64_t> list;
    for (const json& id : ids) {
      if (!ids.is_array() || !IsTokenId(id)) {
        return absl::InvalidArgumentError(absl::StrCat(
            folder, file, ": field \"eos_token_id\" must be a token id or a list of them, not ", ids.dump()));
      }
      list.push_back(id.get<int64_t>());
    }
    return list;
  }
  return std::vector<int64_t>{};
}

}  // namespace maspo
