#include "reward_server/verification/latex_lexer.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "reward_server/limits.h"
#include "reward_server/text.h"
#include "reward_server/verification/latex_commands.h"
#include "reward_server/verification/unicode_signs.h"

namespace maspo {
namespace {

using Kind = Token::Kind;

// Bytes of UTF-8 sequences count as letters, so that words of any language stay whole.
bool IsLetter(char c) { return absl::ascii_isalpha(c) || static_cast<unsigned char>(c) >= 0x80; }

std::string LettersOf(std::string_view text) {
  std::string letters;
  for (const char c : text) {
    if (IsLetter(c)) letters += absl::ascii_tolower(c);
  }
  return letters;
}

struct CharacterRule {
  char character;
  Kind kind;
  std::string_view text;
};

constexpr auto kCharacterRules = std::to_array<CharacterRule>({
    {'{', Kind::kGroupOpen, "{"},
    {'}', Kind::kGroupClose, "}"},
    {',', Kind::kSeparator, ","},
    {';', Kind::kSeparator, ","},
    {'+', Kind::kPlus, "+"},
    {'-', Kind::kMinus, "-"},
    {'*', Kind::kTimes, "*"},
    {'/', Kind::kDivide, "/"},
    {':', Kind::kDivide, "/"},
    {'^', Kind::kPower, "^"},
    {'_', Kind::kSubscript, "_"},
    {'=', Kind::kEquals, "="},
    {'%', Kind::kPercent, "%"},
});

const CharacterRule* FindRule(char c) {
  const auto rule = std::find_if(kCharacterRules.begin(), kCharacterRules.end(),
                                 [c](const CharacterRule& r) { return r.character == c; });
  return rule == kCharacterRules.end() ? nullptr : &*rule;
}

// Spacing, quotes, and the $ of money or of an environment.
constexpr std::string_view kDropped = " \t\r\n$~\"`";
// The same behind a backslash: thin spaces, the dollar, delimiters of environments.
constexpr std::string_view kDroppedAfterBackslash = ",;:! \n$()[]";

class Lexer {
 public:
  Lexer(std::string_view text, Notation notation, WorkBudget& budget)
      : text_(text), notation_(notation), budget_(budget) {}

  absl::StatusOr<std::vector<Token>> Run() {
    if (text_.size() > limits::kAnswerBytes) return absl::ResourceExhaustedError("the answer is too long");
    while (at_ < text_.size()) {
      if (!budget_.Spend()) return absl::DeadlineExceededError("reading the answer takes too long");
      if (tokens_.size() >= limits::kTokens) return absl::ResourceExhaustedError("the answer has too many tokens");
      LexOne();
    }
    Push(Kind::kEnd, "");
    return std::move(tokens_);
  }

 private:
  std::string_view Rest() const { return text_.substr(at_); }
  char Peek(size_t ahead = 0) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }
  bool DigitAt(size_t position) const { return position < text_.size() && absl::ascii_isdigit(text_[position]); }
  void Push(Kind kind, std::string_view text) { tokens_.push_back({kind, std::string(text)}); }
  void Push(Kind kind, std::string_view text, size_t bytes) {
    Push(kind, text);
    at_ += bytes;
  }

  void LexOne() {
    const char c = Peek();
    if (absl::ascii_isdigit(c) || (c == '.' && DigitAt(at_ + 1))) return LexNumber();
    if (c == '\\') return LexBackslash();
    if (c == '^' && LexDegree()) return;
    if (LexUnicode()) return;
    if (IsLetter(c)) return LexLetters();
    LexCharacter(c);
  }

  void LexCharacter(char c) {
    const std::string_view text = Rest().substr(0, 1);
    if (Contains(kDropped, c)) {
      ++at_;
    } else if (c == '(' || c == '[') {
      PushOpen(text, 1);
    } else if (c == ')' || c == ']') {
      PushClose(text, 1);
    } else if (const CharacterRule* rule = FindRule(c)) {
      Push(rule->kind, rule->text, 1);
    } else {
      Push(Kind::kOther, text, 1);
    }
  }

  void PushOpen(std::string_view bracket, size_t bytes) {
    ++bracket_depth_;
    Push(Kind::kOpen, bracket, bytes);
  }
  void PushClose(std::string_view bracket, size_t bytes) {
    if (bracket_depth_ > 0) --bracket_depth_;
    Push(Kind::kClose, bracket, bytes);
  }

  // Digits, groups of three, and a fractional part: 1234.5, 1,234.5, 1{,}234, 1\,234, .5
  void LexNumber() {
    std::string digits = TakeDigits();
    if (!digits.empty() && digits.size() <= 3 && digits[0] != '0') {
      while (const size_t separator = GroupSeparatorBytes()) {
        at_ += separator;
        digits += TakeDigits();
      }
    }
    const bool decimal_comma = notation_ == Notation::kPlain && Peek() == ',';
    if ((Peek() == '.' || decimal_comma) && DigitAt(at_ + 1)) {
      ++at_;
      digits = absl::StrCat(digits, ".", TakeDigits());
    }
    Push(Kind::kNumber, digits);
  }

  std::string TakeDigits() {
    const size_t begin = at_;
    while (DigitAt(at_)) ++at_;
    return std::string(text_.substr(begin, at_ - begin));
  }

  // Bytes of a separator that is followed by exactly three digits; 0 when there is none. Between brackets a bare comma
  // separates: (3,105) is a pair.
  size_t GroupSeparatorBytes() const {
    for (const std::string_view separator : {",\\!", "{,}\\!", "{,}", "\\,", "\\ ", ",", " "}) {
      if (separator == "," && bracket_depth_ > 0) continue;
      const size_t digits = at_ + separator.size();
      if (Rest().starts_with(separator) && DigitAt(digits) && DigitAt(digits + 1) && DigitAt(digits + 2) &&
          !DigitAt(digits + 3)) {
        return separator.size();
      }
    }
    return 0;
  }

  void LexBackslash() {
    // Answers that went through JSON once too often double their backslashes.
    if (Peek(1) == '\\' && absl::ascii_isalpha(Peek(2))) ++at_;
    if (absl::ascii_isalpha(Peek(1))) return LexCommand();
    const std::string_view escaped = Rest().substr(0, 2);
    if (escaped == "\\{") return PushOpen(escaped, 2);
    if (escaped == "\\}") return PushClose(escaped, 2);
    if (escaped == "\\%") return Push(Kind::kPercent, "%", 2);
    if (escaped.size() == 2 && Contains(kDroppedAfterBackslash, escaped[1])) {
      at_ += 2;
    } else {
      Push(Kind::kOther, escaped, escaped.size());
    }
  }

  void LexCommand() {
    size_t end = at_ + 1;
    while (end < text_.size() && absl::ascii_isalpha(text_[end])) ++end;
    const std::string_view command = text_.substr(at_, end - at_);
    at_ = end;
    switch (RoleOf(command.substr(1))) {
      case CommandRole::kIgnored:
        if ((command == "\\left" || command == "\\right") && Peek() == '.') ++at_;  // An invisible bracket.
        return;
      case CommandRole::kProse:
        return LexProse();
      case CommandRole::kSymbol:
        return Push(Kind::kLetters, command);
      case CommandRole::kFraction:
        return Push(Kind::kFraction, "\\frac");
      case CommandRole::kTimes:
        return Push(Kind::kTimes, "*");
      case CommandRole::kDivide:
        return Push(Kind::kDivide, "/");
      case CommandRole::kDegree:
        return Push(Kind::kDegree, "^\\circ");
      case CommandRole::kOpenSet:
        return PushOpen("\\{", 0);
      case CommandRole::kCloseSet:
        return PushClose("\\}", 0);
      case CommandRole::kEmptySet:
        PushOpen("\\{", 0);
        return PushClose("\\}", 0);
      case CommandRole::kUnknown:
        return Push(Kind::kOther, command);
    }
  }

  // The argument of \text: words, unless it holds mathematics, which is read as if \text were not there.
  void LexProse() {
    while (Peek() == ' ') ++at_;
    if (Peek() != '{') return;
    const size_t close = text_.find_first_of("{}\\$0123456789", at_ + 1);
    if (close == std::string_view::npos || text_[close] != '}') return;
    const std::string_view prose = text_.substr(at_ + 1, close - at_ - 1);
    at_ = close + 1;
    for (size_t begin = 0; begin < prose.size();) {
      const size_t end = std::min(prose.find(' ', begin), prose.size());
      const std::string letters = LettersOf(prose.substr(begin, end - begin));
      if (!letters.empty()) PushWord(Kind::kWords, letters);
      begin = end + 1;
    }
  }

  void LexLetters() {
    const size_t begin = at_;
    while (IsLetter(Peek()) && !FindUnicodeSign(Rest()) && !IsUnicodeOperator(Rest())) ++at_;
    PushWord(Kind::kLetters, LettersOf(text_.substr(begin, at_ - begin)));
  }

  void PushWord(Kind kind, std::string_view letters) {
    if (letters == "and" || letters == "or") return Push(Kind::kSeparator, ",");
    if (letters == "percent") return Push(Kind::kPercent, "%");
    Push(kind, letters);
  }

  // ^\circ and ^{\circ}.
  bool LexDegree() {
    for (const std::string_view spelling : {"^\\circ", "^{\\circ}", "^{ \\circ }", "^ \\circ", "^{\\circ }"}) {
      if (!Rest().starts_with(spelling)) continue;
      Push(Kind::kDegree, "^\\circ", spelling.size());
      return true;
    }
    return false;
  }

  bool LexUnicode() {
    if (const UnicodeSign* sign = FindUnicodeSign(Rest())) {
      if (!sign->text.empty()) Push(sign->kind, sign->text);
      at_ += sign->bytes.size();
      return true;
    }
    if (!IsUnicodeOperator(Rest())) return false;
    Push(Kind::kOther, Rest().substr(0, 3), 3);
    return true;
  }

  const std::string_view text_;
  const Notation notation_;
  WorkBudget& budget_;
  size_t at_ = 0;
  int bracket_depth_ = 0;
  std::vector<Token> tokens_;
};

}  // namespace

absl::StatusOr<std::vector<Token>> Lex(std::string_view text, Notation notation, WorkBudget& budget) {
  return Lexer(text, notation, budget).Run();
}

std::string CanonicalText(const std::vector<Token>& tokens) {
  std::string canonical;
  const auto is = [&](size_t i, Kind kind) { return i < tokens.size() && tokens[i].kind == kind; };
  for (size_t i = 0; i < tokens.size(); ++i) {
    const bool around_one_token = (is(i, Kind::kGroupOpen) && is(i + 2, Kind::kGroupClose)) ||
                                  (is(i, Kind::kGroupClose) && i >= 2 && is(i - 2, Kind::kGroupOpen));
    if (around_one_token || tokens[i].kind == Kind::kEnd) continue;
    if (!canonical.empty()) canonical += ' ';
    canonical += tokens[i].text;
  }
  return canonical;
}

}  // namespace maspo
