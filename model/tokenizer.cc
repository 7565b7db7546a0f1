#include "model/tokenizer.h"

#include <cstring>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "model/tokenizer/maspo_rust.h"
#include "model/tokenizer/tokenizer_files.h"
#include "services/base/atomic_file.h"
#include "services/base/status_macros.h"

namespace maspo {
namespace {

std::string Take(MaspoBytes bytes) {
  std::string text(reinterpret_cast<const char*>(bytes.data), bytes.size);
  maspo_bytes_free(bytes);
  return text;
}

absl::StatusOr<std::string> Take(MaspoOutcome outcome) {
  std::string text = Take(outcome.bytes);
  if (!outcome.ok) return absl::InvalidArgumentError(text);
  return text;
}

}  // namespace

struct Tokenizer::Handle {
  using Text = std::unique_ptr<MaspoTokenizerHandle, decltype(&maspo_tokenizer_free)>;
  using Template = std::unique_ptr<MaspoTemplateHandle, decltype(&maspo_template_free)>;

  std::string folder;
  Text text{nullptr, &maspo_tokenizer_free};
  Template chat_template{nullptr, &maspo_template_free};  // Null: the folder has none.
  nlohmann::json template_variables;                      // The same for every chat.
};

Tokenizer::Tokenizer(std::unique_ptr<Handle> handle, std::vector<int64_t> stop_token_ids)
    : handle_(std::move(handle)), stop_token_ids_(std::move(stop_token_ids)) {}

Tokenizer::~Tokenizer() = default;

absl::StatusOr<std::unique_ptr<Tokenizer>> Tokenizer::Load(const std::string& folder) {
  const std::string path = absl::StrCat(folder, "/tokenizer.json");
  MASPO_ASSIGN_OR_RETURN(const std::string json, ReadFile(path));
  auto handle = std::make_unique<Handle>();
  handle->folder = folder;
  MaspoBytes error{};
  handle->text.reset(maspo_tokenizer_new(json.data(), json.size(), &error));
  if (handle->text == nullptr) return absl::InvalidArgumentError(absl::StrCat(path, ": ", Take(error)));
  MASPO_ASSIGN_OR_RETURN(const auto source, ReadChatTemplate(folder));
  if (source.has_value()) {
    handle->chat_template.reset(maspo_template_new(source->data(), source->size(), &error));
    if (handle->chat_template == nullptr) {
      return absl::InvalidArgumentError(absl::StrCat(folder, ": chat template: ", Take(error)));
    }
  }
  MASPO_ASSIGN_OR_RETURN(handle->template_variables, ReadSpecialTokens(folder));
  handle->template_variables["tools"] = nullptr;
  handle->template_variables["documents"] = nullptr;
  MASPO_ASSIGN_OR_RETURN(std::vector<int64_t> stop_token_ids, ReadStopTokenIds(folder));
  return std::unique_ptr<Tokenizer>(new Tokenizer(std::move(handle), std::move(stop_token_ids)));
}

absl::StatusOr<std::vector<int64_t>> Tokenizer::Encode(std::string_view text, bool add_special_tokens) const {
  MASPO_ASSIGN_OR_RETURN(const std::string bytes, Take(maspo_tokenizer_encode(handle_->text.get(), text.data(),
                                                                              text.size(), add_special_tokens)));
  std::vector<int64_t> ids(bytes.size() / sizeof(int64_t));
  if (!ids.empty()) std::memcpy(ids.data(), bytes.data(), bytes.size());
  return ids;
}

absl::StatusOr<std::string> Tokenizer::Decode(absl::Span<const int64_t> token_ids, bool skip_special_tokens) const {
  return Take(maspo_tokenizer_decode(handle_->text.get(), token_ids.data(), token_ids.size(), skip_special_tokens));
}

absl::StatusOr<std::string> Tokenizer::ApplyChatTemplate(const std::vector<ChatMessage>& messages,
                                                         bool add_generation_prompt) const {
  if (handle_->chat_template == nullptr) {
    return absl::FailedPreconditionError(
        absl::StrCat(handle_->folder,
                     ": no chat template (neither chat_template.jinja nor chat_template in "
                     "tokenizer_config.json); give prompts as text or token ids"));
  }
  nlohmann::ordered_json variables = handle_->template_variables;
  variables["messages"] = nlohmann::ordered_json::array();
  for (const ChatMessage& message : messages) {
    const auto repaired = [](const std::string& text) {
      return Take(maspo_repair_utf8(text.data(), text.size()).bytes);
    };
    variables["messages"].push_back({{"role", repaired(message.role)}, {"content", repaired(message.content)}});
  }
  variables["add_generation_prompt"] = add_generation_prompt;
  const std::string context = variables.dump();
  absl::StatusOr<std::string> text =
      Take(maspo_template_render(handle_->chat_template.get(), context.data(), context.size()));
  if (!text.ok()) return Annotate(text.status(), absl::StrCat(handle_->folder, ": chat template"));
  return text;
}

std::optional<int64_t> Tokenizer::TokenId(std::string_view token) const {
  const int64_t id = maspo_tokenizer_token_id(handle_->text.get(), token.data(), token.size());
  return id < 0 ? std::nullopt : std::optional<int64_t>(id);
}

int64_t Tokenizer::vocab_size() const { return maspo_tokenizer_vocab_size(handle_->text.get()); }

}  // namespace maspo
