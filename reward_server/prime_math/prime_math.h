#pragma once

#include <string>
#include <string_view>

#include "reward_server/verification/comparison.h"
#include "reward_server/work_budget.h"

namespace maspo {

// The rule set of the evaluation metric "prime_math" of the PRIME project: tolerant of units, percent signs and 0.01 %,
// strict about the form of integers and fractions. Where it differs from the rules of AnswerComparison is told in
// docs/verification.md.
//
//   response -> FindPrimeFinalAnswer -> MathNormalForm  equal? -.
//                                    -> TextNormalForm  equal, or equal as computer algebra sees it? -> verdict
//   gold --------------------------> -> IsTolerantlyEqual -'
struct PrimeMathJudgement {
  Comparison comparison;
  std::string answer;         // As found; empty when the response has none.
  bool is_announced = false;  // Otherwise `answer` is all of the response.
};

// kDeadline: the budget is spent. kTooLarge: an answer beyond limits::kAnswerBytes.
PrimeMathJudgement JudgeByPrimeMath(std::string_view gold, std::string_view response, WorkBudget& budget);

}  // namespace maspo
