#include "reward_server/extraction/plain_numbers.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "reward_server/extraction/byte_set.h"
#include "reward_server/text.h"

namespace maspo {
namespace {

constexpr size_t kMaxRun = 160;  // Bytes of one piece of arithmetic.

bool IsDigit(char c) { return absl::ascii_isdigit(c); }
bool IsBlank(char c) { return absl::ascii_isspace(c); }

bool DigitAt(std::string_view text, size_t at) { return at < text.size() && IsDigit(text[at]); }

constexpr std::string_view kUnicodeOperators[] = {"\u00d7", "\u00f7", "\u2212"};

// Bytes of the operator at `at`, or 0.
size_t OperatorBytes(std::string_view text, size_t at) {
  if (at >= text.size()) return 0;
  if (Contains("+-*/^()", text[at])) return 1;
  for (const std::string_view op : kUnicodeOperators) {
    if (text.substr(at).starts_with(op)) return op.size();
  }
  return 0;
}

// Bytes of anything that may stand in arithmetic, or 0.
size_t ArithmeticBytes(std::string_view text, size_t at) {
  if (at >= text.size()) return 0;
  if (IsDigit(text[at]) || text[at] == '.' || IsBlank(text[at])) return 1;
  return OperatorBytes(text, at);
}

// The end of what must follow arithmetic; npos: it does not.
size_t EndOfSuffix(std::string_view text, size_t at) {
  const size_t stars = text.substr(at).starts_with("**") ? at + 2 : at;
  for (const size_t next : {stars, at}) {
    if (next == text.size()) return next;
    if (Contains(".,:)$", text[next]) || IsBlank(text[next])) return next + 1;
  }
  return std::string_view::npos;
}

// Where the content may begin: behind a blank or equals sign, and at the start of the text; behind two stars first.
template <typename Match>
std::optional<PlainSpan> AfterPrefix(std::string_view text, size_t at, Match match) {
  const bool has_prefix = at < text.size() && (IsBlank(text[at]) || text[at] == '=');
  for (const size_t begin : {at, at + 1}) {
    const bool allowed = begin == at ? at == 0 : has_prefix;
    if (!allowed) continue;
    for (const size_t stars : {size_t{2}, size_t{0}}) {
      if (stars > 0 && !text.substr(begin).starts_with("**")) continue;
      if (std::optional<PlainSpan> span = match(begin + stars)) {
        span->begin = at;
        return span;
      }
    }
  }
  return std::nullopt;
}

// Whether an operator comes near: most numbers in prose have none, and need no closer look.
bool HasOperatorSoon(std::string_view text, size_t at) {
  static constexpr ByteSet kOperators("+-*/^()\xc3\xe2");
  const size_t next = kOperators.FindFirst(text.substr(0, std::min(text.size(), at + kMaxRun)), at);
  return next != std::string_view::npos;
}

std::optional<PlainSpan> ArithmeticAt(std::string_view text, size_t begin) {
  if (!HasOperatorSoon(text, begin)) return std::nullopt;
  size_t at = begin;
  const auto skip = [&](char c) { at += at < text.size() && text[at] == c; };
  skip('-');
  skip('(');
  skip('-');
  if (!DigitAt(text, at)) return std::nullopt;
  ++at;
  // The longest run that ends where the suffix follows, with an operator before its last byte.
  size_t first_operator = std::string_view::npos;
  std::optional<PlainSpan> best;
  const size_t limit = std::min(text.size(), begin + kMaxRun);
  while (at < limit) {
    const size_t bytes = ArithmeticBytes(text, at);
    if (bytes == 0) break;
    if (first_operator != std::string_view::npos) {
      if (const size_t end = EndOfSuffix(text, at + bytes); end != std::string_view::npos) {
        best = PlainSpan{
            .begin = begin, .end = end, .content = text.substr(begin, at + bytes - begin), .is_percent = false};
      }
    } else if (OperatorBytes(text, at) > 0) {
      first_operator = at;
    }
    at += bytes;
  }
  return best;
}

size_t SkipCurrency(std::string_view text, size_t at) {
  for (const std::string_view sign : {"$", "\u20ac", "\u00a3", "\u00a5", "\u20b9", "\u20bd", "\u20a9", "\u20bf"}) {
    if (text.substr(at).starts_with(sign)) return at + sign.size();
  }
  return at;
}

size_t SkipDigits(std::string_view text, size_t at) {
  while (DigitAt(text, at)) ++at;
  return at;
}

// -1,234,567 or 65 432; `at` when there is none.
size_t EndOfGroups(std::string_view text, size_t at) {
  size_t end = at + (at < text.size() && text[at] == '-');
  if (!DigitAt(text, end) || text[end] == '0') return at;
  size_t digits = 0;
  while (digits < 3 && DigitAt(text, end)) ++end, ++digits;
  const size_t first = end;
  while (end < text.size() && (text[end] == ',' || text[end] == ' ') && DigitAt(text, end + 1) &&
         DigitAt(text, end + 2) && DigitAt(text, end + 3)) {
    end += 4;
  }
  return end == first ? at : end;
}

size_t EndOfNumber(std::string_view text, size_t at) {
  if (const size_t grouped = EndOfGroups(text, at); grouped > at) {
    const bool decimal = grouped < text.size() && text[grouped] == '.' && DigitAt(text, grouped + 1);
    return decimal ? SkipDigits(text, grouped + 1) : grouped;
  }
  const size_t sign = at + (at < text.size() && text[at] == '-');
  const size_t integer = SkipDigits(text, sign);
  const size_t point = integer == sign ? at : integer;
  if (point < text.size() && (text[point] == '.' || (text[point] == ',' && integer > sign)) &&
      DigitAt(text, point + 1)) {
    return SkipDigits(text, point + 1);
  }
  return integer > sign ? integer : at;
}

size_t EndOfPercent(std::string_view text, size_t at) {
  size_t next = at;
  while (next < text.size() && IsBlank(text[next])) ++next;
  for (const std::string_view word : {"\\%", "%", "percentage", "Percentage", "percent", "Percent", "pct", "Pct"}) {
    if (text.substr(next).starts_with(word)) return next + word.size();
  }
  return at;
}

std::optional<PlainSpan> NumberAt(std::string_view text, size_t begin) {
  size_t number = SkipCurrency(text, begin);
  for (const std::string_view minus : {"\u2212"}) {
    if (text.substr(number).starts_with(minus) && DigitAt(text, number + minus.size())) number += minus.size();
  }
  const bool negative = number > begin && text.substr(0, number).ends_with("\u2212");
  const size_t content = negative ? number - sizeof("\u2212") + 1 : number;
  size_t end = EndOfNumber(text, number);
  if (end == number) return std::nullopt;
  if (text.substr(end).starts_with("\u03c0")) end += sizeof("\u03c0") - 1;  // 25π
  const size_t percent = EndOfPercent(text, end);
  return PlainSpan{
      .begin = begin, .end = percent, .content = text.substr(content, end - content), .is_percent = percent > end};
}

}  // namespace

std::optional<PlainSpan> MatchArithmetic(std::string_view text, size_t at) {
  return AfterPrefix(text, at, [&](size_t begin) { return ArithmeticAt(text, begin); });
}

std::optional<PlainSpan> MatchNumber(std::string_view text, size_t at) {
  return AfterPrefix(text, at, [&](size_t begin) { return NumberAt(text, begin); });
}

std::optional<PlainSpan> MatchPlain(std::string_view text, size_t at) {
  if (!MayBeginPlain(text, at)) return std::nullopt;
  if (std::optional<PlainSpan> arithmetic = MatchArithmetic(text, at)) return arithmetic;
  return MatchNumber(text, at);
}

bool MayBeginPlain(std::string_view text, size_t at) {
  if (at == 0) return true;
  if (at >= text.size() || !(IsBlank(text[at]) || text[at] == '=')) return false;
  const char next = at + 1 < text.size() ? text[at + 1] : 'a';
  return IsDigit(next) || static_cast<unsigned char>(next) >= 0x80 || Contains("-.(*$", next);
}

}  // namespace maspo
