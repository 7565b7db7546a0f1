#pragma once

#include <string_view>

#include "reward_server/work_budget.h"

namespace maspo {

// Whether an answer is as good as the gold answer by the tolerant rules of prime_math: the same text but for case and
// blanks; numbers within one in 10^4 of the gold answer, of a hundredth of it or of a hundred times it; the same text
// but for braces and parentheses; lists and intervals by such members. "\pi" is calculated with `pi`.
bool IsTolerantlyEqual(std::string_view answer, std::string_view gold, double pi, WorkBudget& budget);

}  // namespace maspo
