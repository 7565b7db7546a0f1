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

constexpr std::string_view kBoxed = "\\boxed", kFbox = "\\fbox";
constexpr ByteSet kBackslash("\\");

// The length of the \boxed or \fbox at `at`, or 0.
size_t LengthOfCommand(std::string_view text, size_t at) {
  for (const std::string_view command : {kBoxed, kFbox}) {
    if (text.substr(at).starts_with(command)) return command.size();
  }
  return 0;
}

// The last one before `end`; npos: none.
size_t FindLastCommand(std::string_view text, size_t end) {
  size_t at = kBackslash.FindLast(text, end);
  while (at != npos && LengthOfCommand(text.substr(0, end), at) == 0) at = kBackslash.FindLast(text, at);
  return at;
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

size_t FindFirstBox(std::string_view text) {
  size_t at = kBackslash.FindFirst(text, 0);
  while (at != npos && LengthOfCommand(text, at) == 0) at = kBackslash.FindFirst(text, at + 1);
  return at;
}

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
