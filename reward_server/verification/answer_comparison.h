#pragma once

#include "reward_server/verification/comparison.h"
#include "reward_server/verification/expression.h"
#include "reward_server/work_budget.h"

namespace maspo {

// Compares an answer with the gold answer, by the first rule that applies:
//   1. An equation on one side only: its right side counts; the gold answer's only when its left side is a name. Of a
//      chain the first left side and the last right side.
//   2. A gold inequality against a set: its solution set; the other way round only when the options say so.
//   3. Two relations: equal when flipped or scaled; equations by any factor, inequalities by a positive one.
//   4. Sets and lists: the same members in any order, repeats ignored. Tuples in order, and against a bare list in the
//      same order. Intervals: ends and openness. Unions: as sets of reals.
//   5. Words: by their letters.
//   6. Matrices of one shape: by element.
//   7. Everything else as numbers and functions: see scalar_comparison.h.
//
// Not symmetric in rules 1 and 2. Used for one pair; not thread-safe.
class AnswerComparison {
 public:
  AnswerComparison(const ComparisonOptions& options, WorkBudget& budget) : options_(options), budget_(budget) {}

  Comparison Compare(Expression gold, Expression answer);

 private:
  Comparison CompareUnwrapped(const Expression& gold, const Expression& answer);

  // relation_comparison.cc
  Comparison CompareRelations(const Expression& gold, const Expression& answer);
  Comparison CompareChains(const Expression& gold, const Expression& answer);
  bool SameInequality(const Expression& gold, const Expression& answer);

  // set_comparison.cc
  Comparison CompareSets(const Expression& gold, const Expression& answer);
  Comparison CompareTuples(const Expression& gold, const Expression& answer);
  Comparison CompareMembers(const Expression& gold, const Expression& answer);
  bool AllEqualInOrder(const std::vector<Expression>& gold, const std::vector<Expression>& answer);
  bool EveryOneIsIn(const std::vector<Expression>& members, const std::vector<Expression>& others,
                    bool members_are_gold);
  bool IsDescending(const Expression& pair);

  Comparison CompareMatrices(const Expression& gold, const Expression& answer);

  const ComparisonOptions options_;
  WorkBudget& budget_;
};

}  // namespace maspo
