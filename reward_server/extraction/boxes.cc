#include <algorithm>
#include <optional>

#include "reward_server/extraction/byte_set.h"
#include "reward_server/extraction/math_span.h"
#include "reward_server/text.h"

namespace maspo {
namespace {

constexpr size_t kMaxJoinedBoxes = 6;
constexpr size_t kCloseGap = 10;          // Bytes between two boxes of one list,
constexpr size_t kListedGap = 70;         // and when a sign or word of listing stands there.
constexpr std::string_view kBox = "box";  // Common to both commands.

struct Box {
  MathSpan span;
  bool is_closed = false;
};

// Position after the brace that closes the one at `open`, or npos.
size_t EndOfGroup(std::string_view text, size_t open, WorkBudget& budget) {
  static constexpr ByteSet kMarks("\\{}");
  int depth = 0;
  for (size_t i = open; i != std::string_view::npos && budget.Spend(); i = kMarks.FindFirst(text, i + 1)) {
    if (text[i] == '\\') {
      ++i;  // \{ and \} are characters of the content.
    } else if (text[i] == '{') {
      ++depth;
    } else if (--depth == 0) {
      return i + 1;
    }
  }
  return std::string_view::npos;
}

// The box whose command has its "box" at `at`, if a brace follows it.
std::optional<Box> BoxAround(std::string_view text, size_t at, WorkBudget& budget) {
  for (const std::string_view command : {"\\boxed", "\\fbox"}) {
    const size_t offset = command.find(kBox);
    if (at < offset || !text.substr(at - offset).starts_with(command)) continue;
    const size_t begin = at - offset;
    const size_t open = text.find_first_not_of(" \n", begin + command.size());
    if (open == std::string_view::npos || text[open] != '{') continue;
    const size_t end = EndOfGroup(text, open, budget);
    const bool is_closed = end != std::string_view::npos;
    const size_t content_end = is_closed ? end - 1 : text.size();
    return Box{{.begin = begin,
                .end = is_closed ? end : text.size(),
                .content = text.substr(open + 1, content_end - open - 1),
                .notation = Notation::kLatex},
               is_closed};
  }
  return std::nullopt;
}

std::optional<Box> LastBox(std::string_view text, WorkBudget& budget) {
  for (size_t at = text.rfind(kBox); at != std::string_view::npos && budget.Spend(); at = text.rfind(kBox, at - 1)) {
    if (std::optional<Box> box = BoxAround(text, at, budget)) return box;
    if (at == 0) break;
  }
  return std::nullopt;
}

// Whether two boxes with `between` them are members of one list.
bool AreListed(const MathSpan& first, const MathSpan& second, std::string_view between) {
  if (between.size() >= kListedGap || first.content == second.content) return false;
  return between.size() < kCloseGap || between.find_first_of(",;") != std::string_view::npos ||
         Contains(between, " and ") || Contains(between, " or ");
}

}  // namespace

std::vector<MathSpan> FindBoxes(std::string_view text, WorkBudget& budget) {
  std::vector<MathSpan> boxes;  // From the last to the first.
  while (boxes.size() < kMaxJoinedBoxes) {
    const size_t before = boxes.empty() ? text.size() : boxes.back().begin;
    const std::optional<Box> box = LastBox(text.substr(0, before), budget);
    if (!box) break;
    if (!boxes.empty()) {
      const std::string_view between = text.substr(box->span.end, before - box->span.end);
      if (!box->is_closed || !AreListed(box->span, boxes.back(), between)) break;
    }
    boxes.push_back(box->span);
  }
  std::reverse(boxes.begin(), boxes.end());
  return boxes;
}

}  // namespace maspo
