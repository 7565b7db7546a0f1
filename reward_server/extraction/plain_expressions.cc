#include <algorithm>

#include "absl/strings/ascii.h"
#include "reward_server/extraction/byte_set.h"
#include "reward_server/extraction/math_span.h"
#include "reward_server/text.h"

namespace maspo {
namespace {

// What an expression in prose may have before its last operand. They bound what is read twice when parentheses do not
// match.
constexpr size_t kMaxBytes = 256;
constexpr int kMaxOpenParentheses = 3;

bool IsDigit(char c) { return absl::ascii_isdigit(c); }
bool IsWordByte(char c) { return absl::ascii_isalnum(c) || c == '_'; }

// Reads one expression from the front of a text; each Skip function moves over one thing if it is there.
//
//   expression := operand (operator operand)*
//   operand    := "("* sign? currency? (number | fraction | number fraction) ")"* percent?
class PlainExpression {
 public:
  explicit PlainExpression(std::string_view text) : text_(text) {}

  // Bytes of the longest expression with balanced parentheses; 0 when there is none.
  size_t Match() {
    size_t balanced_end = 0;
    while (at_ < kMaxBytes && SkipOperand()) {
      if (open_parentheses_ == 0) balanced_end = at_;
      if (!SkipOperator()) break;
    }
    return balanced_end;
  }

 private:
  bool Skip(std::string_view prefix) {
    if (!PeekIs(prefix[0]) || !text_.substr(at_).starts_with(prefix)) return false;
    at_ += prefix.size();
    return true;
  }
  bool SkipAny(std::initializer_list<std::string_view> prefixes) {
    return std::any_of(prefixes.begin(), prefixes.end(), [&](std::string_view prefix) { return Skip(prefix); });
  }
  void SkipBlanks() {
    while (Skip(" ")) continue;
  }
  bool DigitsAt(size_t position, size_t count) const {
    if (position + count > text_.size()) return false;
    return std::all_of(text_.begin() + position, text_.begin() + position + count, IsDigit);
  }

  bool SkipOperand() {
    while (Skip("(")) ++open_parentheses_;
    if (open_parentheses_ > kMaxOpenParentheses) return false;
    SkipSign();
    SkipAny({"\\$", "$", "\u20ac", "\u00a3"});
    SkipSign();
    const bool number = SkipNumber();
    const bool fraction = SkipFraction();  // With a number before it, a mixed number.
    if (!number && !fraction) return false;
    while (open_parentheses_ > 0 && Skip(")")) --open_parentheses_;
    SkipPercent();
    return true;
  }

  bool SkipSign() { return SkipAny({"-", "+", "\u2212"}); }

  bool SkipOperator() {
    SkipBlanks();
    const bool found = SkipAny({"+", "-", "*", "/", "^", "\u2212", "\u00d7", "\u00f7", "\u00b7"});
    SkipBlanks();
    return found;
  }

  // 1234, 1,234,567, 65 432, 0.5, .5, 19,5; not when a letter follows.
  bool SkipNumber() {
    const size_t begin = at_;
    while (DigitsAt(at_, 1)) ++at_;
    const bool may_be_grouped = at_ > begin && at_ - begin <= 3 && text_[begin] != '0';
    while (may_be_grouped && (PeekIs(',') || PeekIs(' ')) && DigitsAt(at_ + 1, 3) && !DigitsAt(at_ + 1, 4)) at_ += 4;
    if ((PeekIs('.') || (PeekIs(',') && at_ > begin)) && DigitsAt(at_ + 1, 1)) {
      ++at_;
      while (DigitsAt(at_, 1)) ++at_;
    }
    if (at_ > begin && (at_ == text_.size() || !IsWordByte(text_[at_]))) return true;
    at_ = begin;
    return false;
  }

  bool PeekIs(char c) const { return at_ < text_.size() && text_[at_] == c; }

  // \frac{3}{4}, with plain numbers.
  bool SkipFraction() {
    const size_t begin = at_;
    if (SkipAny({"\\frac{", "\\dfrac{", "\\tfrac{"}) && SkipFractionPart() && Skip("{") && SkipFractionPart())
      return true;
    at_ = begin;
    return false;
  }
  bool SkipFractionPart() {
    SkipSign();
    const size_t begin = at_;
    while (DigitsAt(at_, 1)) ++at_;
    return at_ > begin && Skip("}");
  }

  void SkipPercent() {
    const size_t begin = at_;
    SkipBlanks();
    if (!SkipAny({"%", "\\%", "percent"})) at_ = begin;
  }

  const std::string_view text_;
  size_t at_ = 0;
  int open_parentheses_ = 0;
};

// Where an expression around the number at `number` may begin: signs, currency and parentheses directly before it.
size_t BeginOfPrefix(std::string_view text, size_t number, size_t floor) {
  static constexpr size_t kMaxPrefixBytes = 8;
  const std::string_view before = text.substr(0, number);
  if (before.size() > floor && before.back() == '.' && !before.ends_with("..")) return number - 1;
  floor = std::max(floor, number - std::min(number, kMaxPrefixBytes));
  size_t begin = number;
  while (begin > floor && Contains("(-+$", text[begin - 1])) --begin;
  for (const std::string_view sign : {"\u2212", "\u20ac", "\u00a3"}) {
    if (begin >= floor + sign.size() && text.substr(0, begin).ends_with(sign)) return begin - sign.size();
  }
  return begin;
}

// The longest expression around the number at `number`, or an empty one when that number is part of a word.
MathSpan MatchAround(std::string_view text, size_t number, size_t floor) {
  // The whole prefix may not fit, as in "(4 red" or "pre-1914": then less of it, and last the number alone.
  for (size_t begin = BeginOfPrefix(text, number, floor); begin <= number; ++begin) {
    if (begin > floor && IsWordByte(text[begin - 1])) continue;
    const size_t length = PlainExpression(text.substr(begin)).Match();
    if (begin + length > number) {
      return {
          .begin = begin, .end = begin + length, .content = text.substr(begin, length), .notation = Notation::kPlain};
    }
  }
  return {};
}

}  // namespace

std::vector<MathSpan> FindPlainExpressions(std::string_view text, const std::vector<MathSpan>& environments,
                                           WorkBudget& budget) {
  static constexpr ByteSet kStarts("0123456789\\");
  std::vector<MathSpan> spans;
  size_t floor = 0;  // End of what is already used.
  auto environment = environments.begin();
  for (size_t i = kStarts.FindFirst(text, 0); i != std::string_view::npos && budget.Spend();
       i = kStarts.FindFirst(text, i)) {
    while (environment != environments.end() && environment->end <= i) floor = std::max(floor, (environment++)->end);
    if (environment != environments.end() && environment->begin <= i) {
      i = environment->end;
      continue;
    }
    if (const MathSpan span = MatchAround(text, i, floor); !span.content.empty()) {
      spans.push_back(span);
      floor = i = span.end;
    } else {
      while (++i < text.size() && IsWordByte(text[i])) continue;  // The rest of the word.
    }
  }
  return spans;
}

}  // namespace maspo
