#pragma once

#include <string_view>

#include "absl/status/statusor.h"
#include "reward_server/verification/expression.h"
#include "reward_server/verification/grammar.h"
#include "reward_server/work_budget.h"

namespace maspo {

// Reads a normalized answer:
//
//   answer   := elements (";" elements)*                 a list, or a list of tuples
//   elements := relation ("," relation)*
//   relation := side (("=" | "<" | "\in" | ...) side)*   with several signs a chain
//   side     := numbers, symbols, functions, roots, sums, matrices, brackets and sets of them under operators
//   brackets := ( elements ) and half-open relatives, \{ elements \}, \{ x | relation \}
//
// Precedence from loose to tight: \setminus, \cup, \cap, sum, product and quotient, implicit product, power, percent
// and factorial; so 1/2x is 1/(2x), and -3^2 is -9. A sign binds as loosely as a product.
//
// InvalidArgument: not in the grammar. ResourceExhausted: beyond the limits. DeadlineExceeded: the budget is spent.
absl::StatusOr<Expression> ParseAnswer(std::string_view normalized, const Grammar::Options& options,
                                       WorkBudget& budget);

// Reads arithmetic in prose: numbers under + - * / ^ and parentheses; "19,5" and "1,234" are numbers.
absl::StatusOr<Expression> ParsePlain(std::string_view text, WorkBudget& budget);

}  // namespace maspo
