#pragma once

#include "reward_server/verification/expression.h"
#include "reward_server/work_budget.h"

namespace maspo {

// Whether a matrix occurs anywhere in it.
bool HasMatrix(const Expression& e);

// Carries out sums, products, multiples and small powers of matrices, and determinants of up to four rows, with
// expressions as elements. What does not fit together stays as it is.
Expression WithMatricesEvaluated(Expression e, WorkBudget& budget);

}  // namespace maspo
