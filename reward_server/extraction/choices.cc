#include "reward_server/extraction/choices.h"

#include "absl/strings/ascii.h"
#include "reward_server/text.h"

namespace maspo {
namespace {

// The end of what must follow a word; npos: it does not.
size_t EndOfWord(std::string_view text, size_t at) {
  if (text.substr(at).starts_with("**")) at += 2;
  if (at == text.size()) return at;
  return Contains(".,:", text[at]) || absl::ascii_isspace(text[at]) ? at + 1 : std::string_view::npos;
}

}  // namespace

std::optional<ChoiceSpan> MatchChoice(std::string_view text, size_t at, const std::vector<std::string>& choices) {
  for (const std::string& choice : choices) {
    if (at > text.size() || choice.empty() || !text.substr(at).starts_with(choice)) continue;
    return ChoiceSpan{at, at + choice.size(), text.substr(at, choice.size())};
  }
  return std::nullopt;
}

std::optional<ChoiceSpan> MatchChoiceWord(std::string_view text, size_t at, const std::vector<std::string>& choices) {
  const bool has_blank = at < text.size() && absl::ascii_isspace(text[at]);
  if (at > 0 && !has_blank) return std::nullopt;
  size_t begin = at + (has_blank ? 1 : 0);
  if (text.substr(begin).starts_with("**")) begin += 2;
  for (const std::string& choice : choices) {
    std::optional<ChoiceSpan> span = MatchChoice(text, begin, {choice});
    if (!span) continue;
    span->begin = at;
    span->end = EndOfWord(text, span->end);
    if (span->end != std::string_view::npos) return span;
  }
  return std::nullopt;
}

}  // namespace maspo
