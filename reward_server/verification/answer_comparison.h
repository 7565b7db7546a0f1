#pragma once

#include <string_view>

#include "reward_server/verification/answer_parser.h"
#include "reward_server/work_budget.h"

namespace maspo {

// Whether an answer equals the gold answer, and which rule said so.
struct Comparison {
  enum class Outcome {
    kEqual,
    kDifferent,
    kUnreadable,  // A formula beyond the grammar, spelt differently on both sides: nobody knows.
    kTooLarge,    // A number beyond the limits.
    kDeadline,    // The budget is spent.
  };
  Outcome outcome = Outcome::kDifferent;
  std::string_view decided_by;  // "integer", "fraction", "decimal", "percent", "text", "set", ...; a literal.
};

// Compares by the first rule that applies:
//   1. The same canonical spelling: equal.
//   2. An equation on one side only: its right side counts; the gold answer's only when its left side is a name.
//   3. Numbers: exactly, whatever the size. A bare decimal against a number that is not an integer: both rounded to
//      `decimal_places`. N% equals N/100, and the bare integer N.
//   4. Sets and bare lists: the same members in any order, repeats ignored. Tuples and intervals: in order, with the
//      same brackets; a bare list also equals a tuple in its order.
//   5. Everything else: the same tree, symbols without regard to case.
Comparison CompareAnswers(const ParsedAnswer& gold, const ParsedAnswer& answer, int decimal_places, WorkBudget& budget);

}  // namespace maspo
