#include "reward_server/extraction/environments.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "reward_server/extraction/byte_set.h"
#include "reward_server/text.h"

namespace maspo {
namespace {

constexpr size_t kMaxJoined = 6;
constexpr std::string_view kBox = "\\boxed{";

bool IsDigit(char c) { return absl::ascii_isdigit(c); }
bool IsBlank(char c) { return absl::ascii_isspace(c); }

size_t SkipBlanks(std::string_view text, size_t at) {
  while (at < text.size() && IsBlank(text[at])) ++at;
  return at;
}

bool IsEscaped(std::string_view text, size_t at) { return at > 0 && text[at - 1] == '\\'; }

// A box with something in it that is closed.
bool HasBox(std::string_view content) {
  const size_t box = content.find(kBox);
  return box != std::string_view::npos && content.find('}', box + kBox.size() + 1) != std::string_view::npos;
}

// A percent sign or word directly at `at`.
size_t EndOfPercent(std::string_view text, size_t at) {
  for (const std::string_view word : {"\\%", "%", "percentage", "Percentage", "percent", "Percent", "pct", "Pct"}) {
    if (text.substr(at).starts_with(word)) return at + word.size();
  }
  return at;
}

// The end of what joins two environments of a list at `at`: "," "and" "or" ", and"; `at` when nothing does.
size_t EndOfJoiner(std::string_view text, size_t at) {
  size_t next = SkipBlanks(text, at);
  const bool comma = text.substr(next).starts_with(",");
  if (comma) next = SkipBlanks(text, next + 1);
  for (const std::string_view word : {"and", "or"}) {
    if (text.substr(next).starts_with(word)) return SkipBlanks(text, next + word.size());
  }
  return comma ? next : at;
}

// -2.5 or 17; the end, or `at` when there is none.
size_t EndOfNumber(std::string_view text, size_t at) {
  size_t end = at;
  if (end < text.size() && text[end] == '-') ++end;
  const size_t digits = end;
  while (end < text.size() && IsDigit(text[end])) ++end;
  if (end == digits) return at;
  if (end + 1 < text.size() && (text[end] == '.' || text[end] == ',') && IsDigit(text[end + 1])) {
    ++end;
    while (end < text.size() && IsDigit(text[end])) ++end;
  }
  return end;
}

}  // namespace

std::optional<MathSpan> EnvironmentFinder::MatchAt(size_t at, Content content) {
  MathSpan span{.begin = at, .end = at, .parts = {}};
  if (!AppendPart(at, content, span)) return std::nullopt;
  while (span.parts.size() < kMaxJoined) {
    const size_t next = EndOfJoiner(text_, span.end);
    if (next == span.end || !AppendPart(next, content, span)) break;
  }
  return span;
}

bool EnvironmentFinder::AppendPart(size_t at, Content content, MathSpan& span) {
  const std::optional<Environment> environment = MatchOne(at);
  if (!environment || (content == Content::kBoxed && !HasBox(environment->content))) return false;
  const size_t after = SkipBlanks(text_, environment->end);
  span.end = EndOfPercent(text_, after);
  span.parts.push_back({environment->content, span.end > after});
  return true;
}

std::optional<MathSpan> EnvironmentFinder::FindFirst(size_t from, size_t end, Content content, WorkBudget& budget) {
  static constexpr ByteSet kStarts("$\\[");
  end = std::min(end, text_.size());
  for (size_t i = kStarts.FindFirst(text_, from); i < end && budget.Spend(); i = kStarts.FindFirst(text_, i + 1)) {
    // A minus sign belongs to the fraction, a blank to the bracket, that follows it.
    const bool takes_one_before = i > from && ((text_[i] == '\\' && text_[i - 1] == '-') || text_[i] == '[');
    if (takes_one_before) {
      if (std::optional<MathSpan> span = MatchAt(i - 1, content)) return span;
    }
    if (std::optional<MathSpan> span = MatchAt(i, content)) return span;
  }
  return std::nullopt;
}

std::optional<EnvironmentFinder::Environment> EnvironmentFinder::MatchOne(size_t at) {
  const std::string_view rest = text_.substr(std::min(at, text_.size()));
  if (rest.empty()) return std::nullopt;
  if (rest[0] == '$' && !IsEscaped(text_, at)) {
    if (rest.starts_with("$$")) {
      if (auto display = MatchDelimited(at, "$$", next_double_dollar_)) return display;
    }
    if (at > 0 && IsDigit(text_[at - 1])) return std::nullopt;
    return MatchInlineDollar(at);
  }
  if (rest.starts_with("\\[") && !IsEscaped(text_, at)) return MatchDelimited(at, "\\]", next_bracket_);
  if (rest.starts_with("\\(") && !IsEscaped(text_, at)) {
    auto inline_math = MatchDelimited(at, "\\)", next_parenthesis_);
    if (inline_math && Contains(inline_math->content, '\n')) return std::nullopt;
    return inline_math;
  }
  if (IsBlank(rest[0])) return MatchBracketed(at);
  return MatchFraction(at);
}

// From a delimiter of two bytes to the next `close`, which a backslash before it would disable.
std::optional<EnvironmentFinder::Environment> EnvironmentFinder::MatchDelimited(size_t at, std::string_view close,
                                                                                size_t& next_close) {
  const size_t begin = at + 2;
  if (next_close != std::string_view::npos && next_close <= begin) next_close = text_.find(close, begin + 1);
  if (next_close == std::string_view::npos || IsEscaped(text_, next_close)) return std::nullopt;
  return Environment{text_.substr(begin, next_close - begin), next_close + close.size()};
}

std::optional<EnvironmentFinder::Environment> EnvironmentFinder::MatchInlineDollar(size_t at) const {
  static constexpr ByteSet kStops("$\n");
  size_t stop = kStops.FindFirst(text_, at + 1);
  while (stop != std::string_view::npos && text_[stop] == '$' && IsEscaped(text_, stop)) {
    stop = kStops.FindFirst(text_, stop + 1);
  }
  if (stop == std::string_view::npos || text_[stop] == '\n' || stop == at + 1) return std::nullopt;
  return Environment{text_.substr(at + 1, stop - at - 1), stop + 1};
}

// A lone [ ... ] between blanks, as some models write for \[ ... \].
std::optional<EnvironmentFinder::Environment> EnvironmentFinder::MatchBracketed(size_t at) const {
  static constexpr ByteSet kStops("[]\n");
  if (at + 1 >= text_.size() || text_[at + 1] != '[') return std::nullopt;
  const size_t stop = kStops.FindFirst(text_, at + 2);
  if (stop == std::string_view::npos || text_[stop] != ']' || stop == at + 2) return std::nullopt;
  if (stop + 1 >= text_.size() || !IsBlank(text_[stop + 1])) return std::nullopt;
  return Environment{text_.substr(at + 2, stop - at - 2), stop + 2};
}

std::optional<EnvironmentFinder::Environment> EnvironmentFinder::MatchFraction(size_t at) const {
  static constexpr std::string_view kFraction = "\\frac{";
  size_t next = at + (text_[at] == '-' ? 1 : 0);
  if (!text_.substr(next).starts_with(kFraction)) return std::nullopt;
  next += kFraction.size();
  for (const std::string_view closing : {"}{", "}"}) {
    const size_t end = EndOfNumber(text_, next);
    if (end == next || !text_.substr(end).starts_with(closing)) return std::nullopt;
    next = end + closing.size();
  }
  return Environment{text_.substr(at, next - at), next};
}

}  // namespace maspo
