#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace maspo {

struct ChatMessage {
  std::string role;  // "system", "user", "assistant".
  std::string content;
};

// The tokenizer of a Hugging Face folder: tokenizer.json, chat template (chat_template.jinja or tokenizer_config.json)
// and stop tokens (generation_config.json, else config.json), through the `tokenizers` and `minijinja` crates.
//
// Thread-safe: all methods are const.
class Tokenizer {
 public:
  // NotFound: no tokenizer.json. InvalidArgument: names the file and what is wrong with it.
  static absl::StatusOr<std::unique_ptr<Tokenizer>> Load(const std::string& folder);
  ~Tokenizer();

  // Any byte string; invalid UTF-8 is replaced by U+FFFD first.
  absl::StatusOr<std::vector<int64_t>> Encode(std::string_view text, bool add_special_tokens) const;

  // Ids without a token (rows that only pad the embedding) decode to nothing. InvalidArgument: an id below 0.
  absl::StatusOr<std::string> Decode(absl::Span<const int64_t> token_ids, bool skip_special_tokens) const;

  // FailedPrecondition: the folder has no chat template. InvalidArgument: the template raised an error (its text).
  absl::StatusOr<std::string> ApplyChatTemplate(const std::vector<ChatMessage>& messages,
                                                bool add_generation_prompt) const;

  std::optional<int64_t> TokenId(std::string_view token) const;
  int64_t vocab_size() const;  // Added tokens included.
  const std::vector<int64_t>& stop_token_ids() const { return stop_token_ids_; }

 private:
  struct Handle;  // Of the Rust library.
  Tokenizer(std::unique_ptr<Handle> handle, std::vector<int64_t> stop_token_ids);
  std::unique_ptr<Handle> handle_;
  std::vector<int64_t> stop_token_ids_;
};

}  // namespace maspo
