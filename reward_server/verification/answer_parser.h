#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "reward_server/verification/expression.h"
#include "reward_server/verification/latex_lexer.h"
#include "reward_server/work_budget.h"

namespace maspo {

// An answer as it was read.
struct ParsedAnswer {
  Expression tree;
  std::string canonical;  // The same for two answers that differ only in style.
};

// Reads the text of an answer, LaTeX or prose:
//
//   answer   := item (separator item)*                      separator: , ; and or
//   item     := words | side (= side)* units
//   side     := numbers and symbols under + - * / ^ % and brackets; \frac; mixed numbers; implicit products
//   brackets := ( item, item ) and half-open relatives, \{ item, item \}
//
// Precedence from loose to tight: sum, product and quotient, sign, implicit product, power, percent and degree; so
// 1/2x is 1/(2x), and -3^2 is -9. Units and degree marks are dropped. What the grammar cannot read becomes a kFormula
// when it is well formed: later it equals only its own spelling.
//
// InvalidArgument: nothing readable (unbalanced braces, neither letter nor digit). ResourceExhausted: beyond the
// limits. DeadlineExceeded: the budget is spent.
absl::StatusOr<ParsedAnswer> ParseAnswer(std::string_view text, Notation notation, WorkBudget& budget);

}  // namespace maspo
