#include "reward_server/verification/latex_lexer.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "reward_server/limits.h"
#include "reward_server/text.h"
#include "reward_server/verification/latex_commands.h"

namespace maspo {
namespace {

using Kind = Token::Kind;

bool IsDigit(char c) { return absl::ascii_isdigit(c); }
bool IsLetter(char c) { return absl::ascii_isalpha(c); }

// Commands whose argument is a name: \text{width}, \overline{AB}, \mathbb{R}.
bool IsTextCommand(std::string_view name) { return name == "text" || name == "mathnormal" || name == "emph"; }
bool IsAccentCommand(std::string_view name) {
  for (const std::string_view accent : {"overline", "bar", "vec", "hat", "tilde", "widetilde", "widehat", "dot", "ddot",
                                        "overrightarrow", "underline", "mathfrak", "mathscr", "acute", "check"}) {
    if (name == accent) return true;
  }
  return false;
}

class Lexer {
 public:
  Lexer(std::string_view text, WorkBudget& budget) : text_(text), budget_(budget) {}

  absl::StatusOr<std::vector<Token>> Run() {
    if (text_.size() > limits::kAnswerBytes) return absl::ResourceExhaustedError("the answer is too long");
    while (SkipBlanks()) {
      if (!budget_.Spend()) return absl::DeadlineExceededError("reading the answer takes too long");
      if (tokens_.size() >= limits::kTokens) return absl::ResourceExhaustedError("the answer has too many tokens");
      Next();
      after_blank_ = false;
    }
    Push(Kind::kEnd);
    return std::move(tokens_);
  }

 private:
  bool SkipBlanks() {
    while (at_ < text_.size() && absl::ascii_isspace(text_[at_])) {
      ++at_;
      after_blank_ = true;
    }
    return at_ < text_.size();
  }

  char Peek(size_t ahead = 0) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }
  std::string_view Rest() const { return text_.substr(at_); }

  void Push(Kind kind, std::string_view text = "") { tokens_.push_back({kind, std::string(text), after_blank_}); }
  void Take(size_t bytes, Kind kind, std::string_view text = "") {
    at_ += bytes;
    Push(kind, text);
  }

  void Next() {
    const char c = Peek();
    if (IsDigit(c) || (c == '.' && IsDigit(Peek(1)))) return TakeNumber();
    if (IsLetter(c)) return TakeLetter();
    if (c == '\\') return TakeCommand();
    if (static_cast<unsigned char>(c) >= 0x80) return TakeUnicodeLetter();
    switch (c) {
      case '+':
        return Take(1, Kind::kPlus);
      case '-':
        return Take(1, Kind::kMinus);
      case '*':
        return Rest().starts_with("**") ? Take(2, Kind::kPower) : Take(1, Kind::kTimes);
      case '/':
        return Take(1, Kind::kDivide);
      case ':':
        return Take(1, Kind::kColon);
      case ',':
        return Take(1, Kind::kComma);
      case ';':
        return Take(1, Kind::kSemicolon);
      case '(':
        return Take(1, Kind::kOpen, "(");
      case '[':
        return Take(1, Kind::kOpen, "[");
      case '{':
        return Take(1, Kind::kOpen, "{");
      case ')':
        return Take(1, Kind::kClose, "(");
      case ']':
        return Take(1, Kind::kClose, "[");
      case '}':
        return Take(1, Kind::kClose, "{");
      case '|':
        return Take(1, Kind::kBar, "|");
      case '_':
        return Take(1, Kind::kSubscript);
      case '^':
        return TakePower();
      case '%':
        return Take(1, Kind::kPercent);
      case '&':
        return Take(1, Kind::kCell);
      case '=':
        return Rest().starts_with("==") ? Take(2, Kind::kRelation, "=") : Take(1, Kind::kRelation, "=");
      case '<':
        return Rest().starts_with("<=") ? Take(2, Kind::kRelation, "<=") : Take(1, Kind::kRelation, "<");
      case '>':
        return Rest().starts_with(">=") ? Take(2, Kind::kRelation, ">=") : Take(1, Kind::kRelation, ">");
      case '!':
        return Rest().starts_with("!=") && !Rest().starts_with("!==") ? Take(2, Kind::kRelation, "!=")
                                                                      : Take(1, Kind::kBang);
      default:
        return Take(1, Kind::kOther, Rest().substr(0, 1));
    }
  }

  // 12, 3.5, .5, 1.2E5; with thin spaces or blanks between groups of three: 12\,000, 65 432; 0.1\overline{6}.
  void TakeNumber() {
    std::string digits;
    const auto take_digits = [&] {
      while (IsDigit(Peek())) digits += text_[at_++];
    };
    take_digits();
    if (!digits.empty() && digits.size() <= 3) {
      while (const size_t gap = GapBeforeGroup()) {
        at_ += gap;
        take_digits();
      }
    }
    if (Peek() == '.' && (IsDigit(Peek(1)) || RepeatingAt(at_ + 1) > 0)) {
      digits += text_[at_++];
      take_digits();
      if (const size_t end = RepeatingAt(at_)) return TakeRepetend(digits, end);
    }
    const bool ends_with_point = Peek() == '.' && Contains("+-*/^", Peek(1)) && Peek(1) != '\0';  // 1./3
    at_ += ends_with_point ? 1 : 0;
    if (Peek() == 'E' && (IsDigit(Peek(1)) || (Contains("+-", Peek(1)) && IsDigit(Peek(2))))) {
      digits += text_[at_++];
      if (!IsDigit(Peek())) digits += text_[at_++];
      take_digits();
    }
    Push(Kind::kNumber, digits);
  }

  // Bytes of the space before a further group of exactly three digits; 0: none follows.
  size_t GapBeforeGroup() const {
    const size_t gap = Rest().starts_with("\\,") || Rest().starts_with("\\;") ? 2 : Peek() == ' ' ? 1 : 0;
    if (gap == 0) return 0;
    for (size_t i = 0; i < 3; ++i) {
      if (!IsDigit(Peek(gap + i))) return 0;
    }
    return IsDigit(Peek(gap + 3)) ? 0 : gap;
  }

  // The end of \overline{digits} at `at`, or 0.
  size_t RepeatingAt(size_t at) const {
    std::string_view rest = text_.substr(std::min(at, text_.size()));
    if (!Consume(rest, "\\overline{") && !Consume(rest, "\\bar{")) return 0;
    const size_t digits = std::find_if_not(rest.begin(), rest.end(), IsDigit) - rest.begin();
    const bool closed = digits > 0 && digits < rest.size() && rest[digits] == '}';
    return closed ? (rest.data() - text_.data()) + digits + 1 : 0;
  }

  void TakeRepetend(const std::string& digits, size_t end) {
    const size_t open = text_.find('{', at_) + 1;
    Push(Kind::kRepeating, absl::StrCat(digits, "(", std::string(text_.substr(open, end - open - 1)), ")"));
    at_ = end;
  }

  void TakeLetter() {
    const char c = Peek();
    if (c == 'e') return Take(1, Kind::kConstant, "e");
    if (c == 'i' || c == 'I') return Take(1, Kind::kConstant, "i");
    Take(1, Kind::kLetter, Rest().substr(0, 1));
  }

  void TakeUnicodeLetter() {
    size_t length = 1;
    while (at_ + length < text_.size() && (static_cast<unsigned char>(Peek(length)) & 0xc0) == 0x80) ++length;
    Take(length, Kind::kLetter, Rest().substr(0, length));
  }

  // ^\circ and ^T are marks, not powers.
  void TakePower() {
    for (const std::string_view degree : {"^\\circ", "^{\\circ}", "^{\\circ }"}) {
      if (Rest().starts_with(degree)) return Take(degree.size(), Kind::kDegree);
    }
    for (const std::string_view transpose : {"^T", "^{T}", "^\\top", "^{\\top}"}) {
      if (Rest().starts_with(transpose)) return Take(transpose.size(), Kind::kTranspose);
    }
    Take(1, Kind::kPower);
  }

  void TakeCommand() {
    const char c = Peek(1);
    if (!IsLetter(c)) return TakeControlSymbol(c);
    const std::string_view letters = LettersAt(at_ + 1);
    if (IsTextCommand(letters) || IsAccentCommand(letters) || letters == "mathbb" || letters == "operatorname") {
      if (TakeNamed(letters)) return;
    }
    if (letters == "begin" || letters == "end") return TakeEnvironment(letters);
    const LatexCommand* command = FindCommand(letters);
    if (command == nullptr) return Take(1 + letters.size(), Kind::kOther, Rest().substr(0, 1 + letters.size()));
    at_ += 1 + command->name.size();
    if (command->kind != Kind::kEnd) Push(command->kind, command->text);
  }

  void TakeControlSymbol(char c) {
    switch (c) {
      case '{':
        return Take(2, Kind::kOpen, "\\{");
      case '}':
        return Take(2, Kind::kClose, "\\{");
      case '(':
        return Take(2, Kind::kOpen, "(");
      case ')':
        return Take(2, Kind::kClose, "(");
      case '%':
        return Take(2, Kind::kPercent);
      case '|':
        return Take(2, Kind::kBar, "||");
      case '\\':
        return Take(2, Kind::kRow);
      case ',':
      case ';':
      case ':':
      case ' ':
      case '!':
        at_ += 2;
        return;
      default:
        return Take(1, Kind::kOther, "\\");
    }
  }

  std::string_view LettersAt(size_t at) const {
    const std::string_view rest = text_.substr(at);
    return rest.substr(0, std::find_if_not(rest.begin(), rest.end(), IsLetter) - rest.begin());
  }

  // [begin, end) of the braces' content at or after `at`; false when they do not follow or do not close.
  bool FindGroup(size_t at, size_t& begin, size_t& end) {
    while (at < text_.size() && text_[at] == ' ') ++at;
    if (at >= text_.size() || text_[at] != '{') return false;
    int depth = 0;
    for (size_t i = at; i < text_.size() && (i % 64 != 0 || budget_.Spend()); ++i) {
      if (text_[i] == '\\') {
        ++i;
      } else if (text_[i] == '{') {
        ++depth;
      } else if (text_[i] == '}' && --depth == 0) {
        begin = at + 1;
        end = i;
        return true;
      }
    }
    return false;
  }

  bool TakeNamed(std::string_view command) {
    size_t begin = 0, end = 0;
    if (!FindGroup(at_ + 1 + command.size(), begin, end)) return false;
    const std::string_view content = Stripped(text_.substr(begin, end - begin));
    if (command == "mathbb" && content.size() == 1 && Contains("RZNQC", content[0])) {
      Push(Kind::kNamedSet, content);
    } else if (command == "operatorname") {
      const LatexCommand* named = FindExactCommand(content);
      Push(named == nullptr ? Kind::kWord : named->kind, named == nullptr ? content : named->text);
    } else if (IsTextCommand(command)) {
      PushText(content);
    } else {
      Push(Kind::kAccent, absl::StrCat(std::string(command), "{", Letters(content), "}"));
    }
    at_ = end + 1;
    return true;
  }

  // Numbers stay numbers: \mathbf{7}. Commands in it are read as they are: \text{\frac{1}{2}}.
  void PushText(std::string_view content) {
    if (content == "i" || content == "e") return Push(Kind::kConstant, content);
    const bool is_formula = std::none_of(content.begin(), content.end(), IsLetter) || Contains(content, '\\');
    if (!is_formula) return Push(Kind::kWord, Letters(content));
    const std::string_view outer = std::exchange(text_, content);
    const size_t at = std::exchange(at_, 0);
    if (++nesting_ < kMaxTextNesting) {
      while (SkipBlanks()) Next();
    }
    --nesting_;
    text_ = outer;
    at_ = at;
  }

  static std::string Letters(std::string_view content) {
    std::string letters;
    for (const char c : content) {
      if (!absl::ascii_isspace(c) && c != '(' && c != ')') letters += absl::ascii_tolower(c);
    }
    return letters;
  }

  void TakeEnvironment(std::string_view command) {
    size_t begin = 0, end = 0;
    if (!FindGroup(at_ + 1 + command.size(), begin, end)) return Take(1 + command.size(), Kind::kOther, command);
    const std::string_view name = text_.substr(begin, end - begin);
    const bool is_matrix = name.ends_with("matrix") || name == "array";
    const bool begins = command == "begin";
    at_ = end + 1;
    if (name == "array" && begins && FindGroup(at_, begin, end)) at_ = end + 1;  // Its columns.
    if (!is_matrix) return Push(Kind::kOther, name);
    Push(begins ? Kind::kMatrixBegin : Kind::kMatrixEnd, name == "vmatrix" ? "vmatrix" : "matrix");
  }

  static constexpr int kMaxTextNesting = 8;

  std::string_view text_;
  WorkBudget& budget_;
  size_t at_ = 0;
  int nesting_ = 0;
  bool after_blank_ = false;
  std::vector<Token> tokens_;
};

}  // namespace

absl::StatusOr<std::vector<Token>> Lex(std::string_view text, WorkBudget& budget) { return Lexer(text, budget).Run(); }

}  // namespace maspo
