#pragma once

#include "absl/status/statusor.h"
#include "reward_server/verification/expression.h"
#include "reward_server/work_budget.h"

namespace maspo {

// Rule 3 of answer_comparison.h; symmetric. NotFound: at least one side has no exact value. Otherwise as Evaluate().
absl::StatusOr<bool> NumbersEqual(const Expression& a, const Expression& b, int decimal_places, WorkBudget& budget);

}  // namespace maspo
