#pragma once

#include <optional>
#include <string_view>

#include "reward_server/verification/expression.h"
#include "reward_server/work_budget.h"

namespace maspo {

// Reads what a programmer would type: numbers, + - * / ^ **, parentheses. Part of the rule set prime_math.
//
// kAlgebra adds what computer algebra systems in Python do: a product without a sign, which binds as * does (1/2x is
// x/2), words as products of their letters (f(x) too), pi, sqrt(x), ln(x) and n!.
// kPython is arithmetic alone, as Python evaluates it.
//
// Nothing: it is none, or beyond reward_server/limits.h.
enum class AlgebraDialect { kAlgebra, kPython };
std::optional<Expression> ReadAlgebra(std::string_view text, AlgebraDialect dialect, WorkBudget& budget);

}  // namespace maspo
