#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "model/tokenizer.h"

namespace maspo {

// One line of a prompt file, encoded.
struct PromptLine {
  nlohmann::json id;    // As it was given: a string or an integer.
  std::string id_text;  // Names the random stream.
  std::vector<int64_t> token_ids;
  std::string where;  // "FILE:LINE"
};

// Reads {"id", one of "prompt" | "messages" | "token_ids"} JSON Lines. A prompt is raw text; messages get the chat
// template and the generation prompt; token_ids are taken as they are.
//
// NotFound: no such file. InvalidArgument: "FILE:LINE: ..." for a field that is missing, ill-typed or unknown, for none
// or several of the three, and for an id that came before; a file without prompts.
absl::StatusOr<std::vector<PromptLine>> ReadPromptFile(const std::string& path, const Tokenizer& tokenizer);

}  // namespace maspo
