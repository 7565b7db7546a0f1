#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "reward_server/work_budget.h"

namespace maspo {

// How an answer was written. They differ in the comma between digits: "19,5" is a list in LaTeX, a decimal in prose.
enum class Notation { kLatex, kPlain };

struct Token {
  enum class Kind {
    kNumber,      // Digits and at most one point; grouping removed.
    kLetters,     // A run of letters (a variable, or a bare word), or a symbol's command: "x", "cm", "\theta".
    kWords,       // A word of \text{...} and its relatives; letters only.
    kGroupOpen,   // {
    kGroupClose,  // }
    kOpen,        // ( [ \{
    kClose,       // ) ] \}
    kSeparator,   // , ; and or
    kPlus,
    kMinus,
    kTimes,
    kDivide,  // / : \div
    kPower,
    kSubscript,
    kEquals,
    kPercent,
    kDegree,
    kFraction,  // \frac and its relatives; its two arguments follow.
    kOther,     // Anything the grammar has no rule for: `text` is one command or character.
    kEnd,       // Always the last token, and only there.
  };
  Kind kind = Kind::kEnd;
  std::string text;  // Canonical spelling: lower-cased, one spelling for all relatives.
};

// Splits an answer into tokens and drops what carries no meaning: spacing and sizing commands, math delimiters, boxes,
// currency signs, quotes, style commands around letters or digits. Any bytes are accepted.
//
// ResourceExhausted: longer than limits::kAnswerBytes or limits::kTokens. DeadlineExceeded: the budget is spent.
absl::StatusOr<std::vector<Token>> Lex(std::string_view text, Notation notation, WorkBudget& budget);

// The tokens in one spelling, separated by spaces; braces around a single token are dropped.
std::string CanonicalText(const std::vector<Token>& tokens);

}  // namespace maspo
