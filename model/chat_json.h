#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "model/tokenizer.h"

namespace maspo {

// The "messages" field of a JSONL line: [{"role": ..., "content": ...}, ...], both strings, nothing else.
// InvalidArgument: begins with `where` and names the message.
absl::StatusOr<std::vector<ChatMessage>> MessagesField(const nlohmann::json& object, const std::string& where);

}  // namespace maspo
