#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace maspo {

// What a Hugging Face folder says about chats besides tokenizer.json. Pure reading; errors name the file and the field.

// chat_template.jinja, else tokenizer_config.json's chat_template (a string, or a list of named templates: "default").
absl::StatusOr<std::optional<std::string>> ReadChatTemplate(const std::string& folder);

// The special tokens a template may print: {"bos_token": "...", "eos_token": "...", ...} of tokenizer_config.json, else
// of special_tokens_map.json.
absl::StatusOr<nlohmann::json> ReadSpecialTokens(const std::string& folder);

// eos_token_id of generation_config.json, else of config.json: one id, a list, or none.
absl::StatusOr<std::vector<int64_t>> ReadStopTokenIds(const std::string& folder);

}  // namespace maspo
