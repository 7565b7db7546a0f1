#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "reward_server/verification/ball.h"
#include "reward_server/verification/expression.h"
#include "reward_server/work_budget.h"

namespace maspo {

// Values of variables.
using Point = std::vector<std::pair<std::string, Rational>>;

// In kReal an expression has no value where a part of it is not real: \sqrt{x} below 0.
enum class Domain { kReal, kComplex };

// The value of an expression at a point, calculated with `bits` bits: real and complex functions, roots (odd ones of
// negative numbers are real), logarithms, sums with bounds, definite integrals, limits and derivatives. Functions of
// the author's own, as f(x), get one value for equal arguments and another one for others.
//
// False: the expression has no value there (a pole, a list, an unbound variable), a number is too large, or the budget
// is spent.
bool BallValue(const Expression& e, const Point& point, Domain domain, slong bits, WorkBudget& budget, Ball& result);

}  // namespace maspo
