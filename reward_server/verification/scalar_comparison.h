#pragma once

#include "reward_server/verification/comparison.h"
#include "reward_server/verification/expression.h"
#include "reward_server/work_budget.h"

namespace maspo {

// Compares numbers and functions of real variables, cheapest rule first; symmetric:
//   1. The same tree.
//   2. Exact numbers: exactly, whatever the size. N% equals N/100, and the bare integer N.
//   3. A bare decimal against anything but an integer: both rounded to `decimal_places`.
//   4. Rational functions: by their values at random points modulo a prime.
//   5. Constants, by balls of 64 to limits::kBallBits bits; functions, by balls at several points where both are real.
//   A
//      ball of the difference that holds zero to the last means equal.
Comparison CompareScalars(const Expression& a, const Expression& b, int decimal_places, WorkBudget& budget);

// The sign of a constant: -1, 0, 1, or 2 when it has no real value.
int SignOfConstant(const Expression& e, WorkBudget& budget);

// Whether a = factor * b with a constant factor other than zero, as functions of real variables; its sign, or 0.
int SignOfFactor(const Expression& a, const Expression& b, WorkBudget& budget);

}  // namespace maspo
