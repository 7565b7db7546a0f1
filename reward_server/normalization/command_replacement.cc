#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/ascii.h"
#include "reward_server/normalization/latex_normalizer.h"
#include "reward_server/text.h"

namespace maspo {
namespace {

using Replacement = std::pair<std::string_view, std::string_view>;

bool IsLetter(char c) { return absl::ascii_isalpha(c); }

// Commands by their name, longest match first where one begins another. A blank goes where a letter might follow.
constexpr auto kCommands = std::to_array<Replacement>({
    {"!", ""},
    {"$", ""},
    {" ", " "},
    {"displaystyle", " "},
    {"textstyle", " "},
    {"limits", ""},
    {"left", ""},
    {"right", ""},
    {"mleft", ""},
    {"mright", ""},
    {"bigl", ""},
    {"bigr", ""},
    {"Bigl", ""},
    {"Bigr", ""},
    {"biggl", ""},
    {"biggr", ""},
    {"big", ""},
    {"Big", ""},
    {"bigg", ""},
    {"Bigg", ""},
    {"dfrac", "\\frac"},
    {"tfrac", "\\frac"},
    {"cfrac", "\\frac"},
    {"mathrm", "\\text"},
    {"mathit", "\\text"},
    {"mathbf", "\\text"},
    {"textnormal", "\\text"},
    {"textbf", "\\text"},
    {"textit", "\\text"},
    {"textrm", "\\text"},
    {"textsf", "\\text"},
    {"mbox", "\\text"},
    {"hbox", "\\text"},
    {"bold", "\\text"},
    {"mathbb", "\\mathbb"},
    {"ldots", " "},
    {"dots", " "},
    {"lbrace", "\\{"},
    {"rbrace", "\\}"},
    {"varnothing", "\\emptyset "},
    {"degree", "^\\circ "},
});

// Words by which answers are listed or percentages written; they stand alone, between anything but letters.
constexpr auto kWords = std::to_array<Replacement>({
    {"and", ","},
    {"or", ","},
    {"percentage", "\\%"},
    {"percent", "\\%"},
    {"pct", "\\%"},
    {"infinity", "\\infty "},
    {"inf", "\\infty "},
    {"sqrt", "\\sqrt"},
});

class CommandReplacer {
 public:
  explicit CommandReplacer(std::string_view text) : text_(text), in_matrix_(IsMatrix(text)) {
    out_.reserve(text.size());
  }

  std::string Run() {
    while (at_ < text_.size()) Step();
    return std::move(out_);
  }

 private:
  // Doubled backslashes end the rows of these.
  static bool IsMatrix(std::string_view text) { return Contains(text, "\\begin"); }

  std::string_view Rest() const { return text_.substr(at_); }

  void Step() {
    const char c = text_[at_];
    if (c == '\\') return StepCommand();
    if (IsLetter(c) && (at_ == 0 || !IsLetter(text_[at_ - 1]))) return StepWord();
    if (c == '{' && StepBracedComma()) return;
    ++at_;
    if (c == '$' || c == '"' || c == '\'') return;
    if (c == '~') {
      const bool approximates = Rest().starts_with("=");
      out_ += approximates ? "\\approx " : " ";
      at_ += approximates;
    } else if (absl::ascii_isspace(c)) {
      out_ += ' ';
    } else if (c == '.' && StartsDecimal()) {
      out_ += "0.";
    } else {
      out_ += c;
    }
  }

  // ".5" after a blank or an opening brace.
  bool StartsDecimal() const {
    const char before = out_.empty() ? ' ' : out_.back();
    return (before == ' ' || before == '{') && at_ < text_.size() && absl::ascii_isdigit(text_[at_]);
  }

  // 1{,}000
  bool StepBracedComma() {
    size_t next = at_ + 1;
    const auto skip_blanks = [&] {
      while (next < text_.size() && text_[next] == ' ') ++next;
    };
    skip_blanks();
    if (next >= text_.size() || text_[next] != ',') return false;
    ++next;
    skip_blanks();
    if (next >= text_.size() || text_[next] != '}') return false;
    while (!out_.empty() && out_.back() == ' ') out_.pop_back();
    at_ = next + 1;
    if (!AtGroupOfThree()) out_ += ',';
    return true;
  }

  // 1,\!000
  void SkipNegativeSpace() {
    while (at_ < text_.size() && absl::ascii_isspace(text_[at_])) ++at_;
    if (!out_.empty() && out_.back() == ',' && AtGroupOfThree()) out_.pop_back();
  }

  bool AtGroupOfThree() const {
    const std::string_view rest = Rest();
    const auto is_digit = [&](size_t i) { return i < rest.size() && absl::ascii_isdigit(rest[i]); };
    const bool after_digit = !out_.empty() && (absl::ascii_isdigit(out_.back()) || out_.back() == ',');
    return after_digit && is_digit(0) && is_digit(1) && is_digit(2) && !is_digit(3);
  }

  void StepCommand() {
    const std::string_view after = text_.substr(at_ + 1);
    if (after.starts_with("\\")) {
      // \\frac for \frac, as in a string of a programming language; the row end of a matrix stays.
      const bool is_doubled = !in_matrix_ && after.size() > 1 && (IsLetter(after[1]) || Contains("{}()[]$%", after[1]));
      if (!is_doubled) out_ += "\\\\";
      at_ += is_doubled ? 1 : 2;
      return;
    }
    if (StepText("\\text") || StepText("\\mbox") || StepText("\\mathrm") || StepText("\\textbf") ||
        StepText("\\textit"))
      return;
    size_t length = 1;
    if (!after.empty() && IsLetter(after[0])) {
      length = std::find_if_not(after.begin(), after.end(), IsLetter) - after.begin();
    }
    const std::string_view name = after.substr(0, length);
    at_ += 1 + name.size();
    const auto* found =
        std::find_if(kCommands.begin(), kCommands.end(), [&](const Replacement& r) { return r.first == name; });
    if (found == kCommands.end()) {
      out_.append("\\").append(name);
      return;
    }
    if (name == "!") return SkipNegativeSpace();
    if ((name == "left" || name == "right") && Rest().starts_with(".")) ++at_;
    if ((name == "ldots" || name == "dots") && !out_.empty() && out_.back() == ',') out_.pop_back();
    out_ += found->second;
  }

  // \text{ and }, \text{percent}, \text{}: words whose braces go too.
  bool StepText(std::string_view command) {
    if (!Rest().starts_with(command)) return false;
    size_t open = at_ + command.size();
    while (open < text_.size() && text_[open] == ' ') ++open;
    if (open >= text_.size() || text_[open] != '{') return false;
    const size_t close = text_.find('}', open);
    if (close == std::string_view::npos) return false;
    const std::string_view word = Stripped(text_.substr(open + 1, close - open - 1));
    if (word.empty() || word == "th") {
      at_ = close + 1;
      return true;
    }
    if (word == "and" || word == "or") {
      ReplaceWithComma();
    } else if (word == "percent" || word == "percentage" || word == "pct") {
      out_ += "\\%";
    } else {
      return false;
    }
    at_ = close + 1;
    return true;
  }

  void StepWord() {
    const size_t begin = at_;
    while (at_ < text_.size() && IsLetter(text_[at_])) ++at_;
    const std::string_view word = text_.substr(begin, at_ - begin);
    const auto* found =
        std::find_if(kWords.begin(), kWords.end(), [&](const Replacement& r) { return r.first == word; });
    if (found == kWords.end()) {
      out_ += word;
    } else if (found->second == ",") {
      ReplaceWithComma();
    } else {
      out_ += found->second;
    }
  }

  // "1, and 2" has one comma. Spaces of any kind before it go.
  void ReplaceWithComma() {
    while (true) {
      while (!out_.empty() && out_.back() == ' ') out_.pop_back();
      if (!std::string_view(out_).ends_with("\\quad")) break;
      out_.resize(out_.size() - 5);
    }
    if (out_.empty() || out_.back() != ',') out_ += ',';
  }

  const std::string_view text_;
  const bool in_matrix_;
  size_t at_ = 0;
  std::string out_;
};

}  // namespace

std::string ReplaceCommands(std::string_view text) { return CommandReplacer(text).Run(); }

}  // namespace maspo
