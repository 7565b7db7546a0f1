#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "reward_server/verification/latex_lexer.h"
#include "reward_server/work_budget.h"

namespace maspo {

// A stretch of a response that may hold an answer.
//
//   so $x = \frac{1}{2}$ or 0.5
//      ^begin           ^end      content "x = \frac{1}{2}", kLatex
struct MathSpan {
  size_t begin = 0;  // Including the delimiters.
  size_t end = 0;
  std::string_view content;  // Without them; a part of the response.
  Notation notation = Notation::kLatex;
};

// $..$ and \(..\) within one line, $$..$$ and \[..\] over any number of lines; in order, none inside another.
std::vector<MathSpan> FindEnvironments(std::string_view text, WorkBudget& budget);

// Numbers and arithmetic in prose, outside of the given environments: "-3", "$1,250", "65 432", "7/16", "(2 + 3) * 4",
// "35%", "35 percent", "2\frac{1}{2}". A number inside a word or identifier ("x2", "3rd", "0x1F") is none.
std::vector<MathSpan> FindPlainExpressions(std::string_view text, const std::vector<MathSpan>& environments,
                                           WorkBudget& budget);

// The boxes that make up the answer, in order: the last \boxed or \fbox, preceded by those that form one list with it,
// because less than 10 characters lie between them, or less than 70 with a comma, semicolon, "and" or "or". An unclosed
// last box runs to the end of the text.
std::vector<MathSpan> FindBoxes(std::string_view text, WorkBudget& budget);

}  // namespace maspo
