#pragma once

#include <optional>

#include "reward_server/verification/expression.h"
#include "reward_server/work_budget.h"

namespace maspo {

// Whether two expressions are the same set of real numbers. Each is built of intervals, finite sets, the reals, set
// builders and inequalities in one variable (as their solution set) by unions, intersections and differences.
//
//   all ends of both, sorted:      a        b      c
//   membership is tested at:    x  a  x x x b  x   c  x      at the ends, next to them, and between
//
// Where only intervals and finite sets occur the answer is exact; a relation is tested at its own sample points too.
// Nothing: an end is not a constant, or the kind of set is not known.
std::optional<bool> SameRealSet(const Expression& a, const Expression& b, WorkBudget& budget);

}  // namespace maspo
