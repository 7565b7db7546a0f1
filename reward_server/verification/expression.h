#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "reward_server/verification/rational.h"
#include "reward_server/work_budget.h"

namespace maspo {

// An answer as a tree, as far as the grammar of answer_parser.h goes. A value type. Its depth is bounded
// by limits::kNesting, so that recursion over it is safe.
//
//   -1\frac{2}{3}      kNegate( kSum( 1, kQuotient(2, 3) ) )
//   x = 3, y = 12.5\%  kList( kEquation(x, 3), kEquation(y, kPercent(12.5)) )
struct Expression {
  enum class Kind {
    kNumber,    // value; `text` keeps the spelling.
    kSymbol,    // text: a variable or a word, lower-cased letters; "x_1" with a subscript.
    kNegate,    // -a
    kSum,       // a + b + ...
    kProduct,   // a * b * ...
    kQuotient,  // a / b / ...
    kPower,     // a ^ b
    kPercent,   // a %
    kEquation,  // a = b, and of a chain the first and the last member.
    kTuple,     // (a, b) or an interval; text: its two brackets.
    kSet,       // {a, b}
    kList,      // a, b without brackets; at least two members.
    kFormula,   // Mathematics beyond the grammar; text: its canonical spelling. Only as the root.
  };

  Kind kind = Kind::kSymbol;
  std::string text;
  Rational value;
  bool is_decimal = false;  // kNumber: written with a point.
  std::vector<Expression> parts;

  static Expression Number(Rational value, bool is_decimal, std::string text);
  static Expression Symbol(std::string name);
  static Expression Of(Kind kind, std::vector<Expression> parts, std::string text = "");
  static Expression Of(Kind kind, Expression operand);
  // Sums, products and quotients grow to the right instead of nesting: a + b + c is one node, a / b / c is too.
  static Expression Of(Kind kind, Expression left, Expression right);
};

// A decimal as written, with or without a sign: compared after rounding. 1/4 and 0.5 + 0.25 are exact numbers.
bool IsBareDecimal(const Expression& expression);

// Nothing but symbols, as the left side of an assignment is: x, f(x), (x, y).
bool IsMadeOfSymbols(const Expression& expression);

// The same tree: the same parts in the same order, numbers by value.
bool SameTree(const Expression& a, const Expression& b, WorkBudget& budget);

// The exact value of a number. NotFound: it has none (a symbol, an irrational power, a division by zero, a list).
// ResourceExhausted: it is too large. DeadlineExceeded: the budget is spent.
absl::StatusOr<Rational> Evaluate(const Expression& expression, WorkBudget& budget);

}  // namespace maspo
