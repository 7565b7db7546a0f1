#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "reward_server/work_budget.h"

namespace maspo {

struct Token {
  enum class Kind {
    kNumber,     // Digits, at most one point, grouping removed; 1.2E5.
    kRepeating,  // Repeating decimal; text: "0.1(6)".
    kLetter,     // One letter, or a symbol's command without its backslash: "x", "theta".
    kConstant,   // "pi", "e", "i", "infinity".
    kWord,       // The letters of \text{...}: "nosolution".
    kAccent,     // \overline{AB}, \vec{a}: text "overline{ab}".
    kOpen,       // text: ( [ { \{ < floor ceil
    kClose,
    kBar,  // | and \|; text "|" or "||"
    kMid,  // \mid
    kComma,
    kSemicolon,
    kPlus,
    kMinus,
    kPlusMinus,  // text: the upper sign.
    kTimes,
    kDivide,
    kColon,
    kMod,
    kPower,
    kSubscript,
    kBang,
    kPercent,
    kDegree,     // ^\circ
    kTranspose,  // ^T, ^{T}, ^\top
    kRelation,   // = != < <= > >=
    kApprox,
    kIn,
    kNotIn,
    kFunction,  // sin, log, gcd, ...
    kFraction,
    kBinomial,
    kChoose,
    kRoot,
    kBigOperator,  // sum, prod, int, lim
    kTo,           // \to
    kUnion,
    kIntersection,
    kSetMinus,
    kNamedSet,  // R, Z, N, Q, C
    kEmptySet,
    kMatrixBegin,  // text: "matrix" or "vmatrix"
    kMatrixEnd,
    kCell,   // &
    kRow,    // \\ of a matrix
    kOther,  // Nothing that the grammar knows.
    kEnd,    // Always the last token, and only there.
  };
  Kind kind = Kind::kEnd;
  std::string text;
  bool after_blank = false;
};

// Splits a normalized answer into tokens. Any bytes are accepted.
//
// ResourceExhausted: longer than limits::kAnswerBytes or limits::kTokens. DeadlineExceeded: the budget is spent.
absl::StatusOr<std::vector<Token>> Lex(std::string_view text, WorkBudget& budget);

}  // namespace maspo
