#pragma once

#include "reward_server/verification/expression.h"
#include "reward_server/work_budget.h"

namespace maspo {

// The exact value of a number: sums, products, powers, exact roots, factorials, sums with bounds, ... of rationals.
// kNone: it has none (a symbol, an irrational number, a division by zero, a list).
Exactness ExactValue(const Expression& e, WorkBudget& budget, Rational& result);

}  // namespace maspo
