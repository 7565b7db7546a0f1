#pragma once

#include <optional>

#include "reward_server/verification/expression.h"
#include "reward_server/work_budget.h"

namespace maspo {

// Whether two rational functions are the same, by their values at random points modulo the prime 2^61 - 1: wrong with a
// probability of about their degree divided by 2^61. Nothing: one of them is no rational function with rational
// coefficients and integer powers, or the budget is spent.
std::optional<bool> SameRationalFunction(const Expression& a, const Expression& b, WorkBudget& budget);

}  // namespace maspo
