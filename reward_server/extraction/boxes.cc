#include "reward_server/extraction/boxes.h"

#include <algorithm>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_join.h"
#include "reward_server/extraction/byte_set.h"
#include "reward_server/text.h"

namespace maspo {
namespace {

constexpr size_t kCloseGap = 10;   // Characters between two boxes of one list,
constexpr size_t kListedGap = 70;  // and when a sign or word of listing stands there.
constexpr size_t kMaxBoxes = 64;

constexpr size_t npos = std::string_view::npos;

// The last \boxed or \fbox before `end`; npos: none.
size_t FindLastCommand(std::string_view text, size_t end) {
  const std::string_view before = text.substr(0, end);
  for (size_t at = before.rfind("box"); at != npos; at = at == 0 ? npos : before.rfind("box", at - 1)) {
    if (at > 0 && before[at - 1] == '\\' && before.substr(at).starts_with("boxed")) return at - 1;
    if (at > 1 && before.substr(at - 2).starts_with("\\fbox")) return at - 2;
  }
  return npos;
}

size_t LengthOfCommand(std::string_view text, size_t at) {
  return text.substr(at).starts_with("\\boxed") ? sizeof("\\boxed") - 1 : sizeof("\\fbox") - 1;
}

// The brace that closes the one at `open`; npos: none before `end`.
size_t FindClosingBrace(std::string_view text, size_t open, size_t end) {
  static constexpr ByteSet kBraces("{}");
  int depth = 0;
  for (size_t i = open; i < end; i = kBraces.FindFirst(text, i + 1)) {
    depth += text[i] == '{' ? 1 : -1;
    if (depth == 0) return i;
  }
  return npos;
}

bool HasWord(std::string_view text, std::string_view word) {
  for (size_t at = text.find(word); at != npos; at = text.find(word, at + 1)) {
    const auto is_word_byte = [&](size_t i) {
      return i < text.size() && (absl::ascii_isalnum(text[i]) || text[i] == '_');
    };
    if ((at == 0 || !is_word_byte(at - 1)) && !is_word_byte(at + word.size())) return true;
  }
  return false;
}

bool AreListed(std::string_view between, std::string_view first, std::string_view second) {
  if (between.size() < kCloseGap) return true;
  return first != second && between.size() < kListedGap &&
         (between.find_first_of(",;") != npos || HasWord(between, "and") || HasWord(between, "or"));
}

}  // namespace

bool HasBoxCommand(std::string_view text) { return FindLastCommand(text, text.size()) != npos; }

std::string BoxedContent(std::string_view text, Boxes boxes) {
  std::vector<std::string_view> contents;  // From the last to the first.
  size_t end = text.size();                // Where the box found before begins.
  while (contents.size() < kMaxBoxes) {
    const size_t command = FindLastCommand(text, end);
    if (command == npos) break;
    size_t open = command + LengthOfCommand(text, command);
    while (open < end && absl::ascii_isspace(text[open])) ++open;
    if (open >= end) break;
    const bool is_last = contents.empty();
    const size_t close = text[open] == '{' ? FindClosingBrace(text, open, end) : npos;
    if (close == npos) {
      if (is_last) contents.push_back(text.substr(text[open] == '{' ? open + 1 : open));
      break;
    }
    const std::string_view content = Stripped(text.substr(open + 1, close - open - 1));
    if (boxes == Boxes::kLast && !is_last &&
        !AreListed(text.substr(close + 1, end - close - 1), content, contents.back())) {
      break;
    }
    if (is_last || contents.back() != content) contents.push_back(content);
    end = command;
  }
  if (contents.empty()) return std::string(text);
  return absl::StrJoin(contents.rbegin(), contents.rend(), ",",
                       [](std::string* out, std::string_view content) { out->append(content); });
}

}  // namespace maspo
