#include "reward_server/verification/answer_comparison.h"

#include <utility>

#include "reward_server/verification/matrix_arithmetic.h"
#include "reward_server/verification/scalar_comparison.h"

namespace maspo {
namespace {

using Kind = Expression::Kind;

// a = b = c as a = c, when a is a name.
Expression WithoutMiddle(Expression e) {
  if (!e.Is(Kind::kChain) || !IsAssignment(e)) return e;
  Expression left = std::move(e.parts.front().parts[0]), right = std::move(e.parts.back().parts[1]);
  return Expression::Of(Kind::kRelation, std::move(left), std::move(right), "=");
}

Expression LastSide(const Expression& equation) { return LastRelation(equation).parts[1]; }

// Names the answer's variables as the gold answer's, in the order of the alphabet, when there are as many.
void Rename(const Expression& gold, Expression& answer) {
  const std::vector<std::string> names = FreeSymbols(answer), gold_names = FreeSymbols(gold);
  if (names.size() != gold_names.size()) return;
  for (size_t i = 0; i < names.size(); ++i) Substitute(answer, names[i], Expression::Symbol("\x01" + gold_names[i]));
  for (const std::string& name : gold_names) Substitute(answer, "\x01" + name, Expression::Symbol(name));
}

}  // namespace

Comparison AnswerComparison::Compare(Expression gold, Expression answer) {
  if (!budget_.Spend()) return {Comparison::Outcome::kDeadline, "deadline"};
  if (!options_.strict) Rename(gold, answer);
  gold = WithoutMiddle(std::move(gold));
  answer = WithoutMiddle(std::move(answer));
  if (IsEquation(answer) && !IsEquation(gold)) {
    answer = LastSide(answer);
  } else if (IsAssignment(gold) && !IsEquation(answer)) {
    gold = LastSide(gold);
  }
  return CompareUnwrapped(gold, answer);
}

Comparison AnswerComparison::CompareUnwrapped(const Expression& gold, const Expression& answer) {
  if (gold.Is(Kind::kNumber) && answer.Is(Kind::kNumber)) {
    return CompareScalars(gold, answer, options_.decimal_places, budget_);
  }
  if (SameTree(gold, answer)) return Comparison::Of(true, "same tree");
  if (IsRelation(gold) && IsRelation(answer)) return CompareRelations(gold, answer);
  if (gold.Is(Kind::kSetBuilder) && IsRelation(answer)) return CompareRelations(gold.parts[0], answer);
  if (IsRelation(gold) && answer.Is(Kind::kSetBuilder)) return CompareRelations(gold, answer.parts[0]);
  if (IsSetLike(gold) || IsSetLike(answer)) return CompareSets(gold, answer);
  if (IsRelation(gold) || IsRelation(answer)) return Comparison::Of(false, "relation");
  const std::string gold_letters = LettersOf(gold), letters = LettersOf(answer);
  if (!gold_letters.empty() && !letters.empty()) {
    if (gold_letters == letters) return Comparison::Of(true, "text");
    if (gold.Is(Kind::kSymbol) || answer.Is(Kind::kSymbol)) return Comparison::Of(false, "text");
  }
  if (HasMatrix(gold) || HasMatrix(answer)) {
    return CompareMatrices(WithMatricesEvaluated(gold, budget_), WithMatricesEvaluated(answer, budget_));
  }
  return CompareScalars(gold, answer, options_.decimal_places, budget_);
}

Comparison AnswerComparison::CompareMatrices(const Expression& gold, const Expression& answer) {
  if (!gold.Is(Kind::kMatrix) && !answer.Is(Kind::kMatrix)) {  // Determinants.
    return CompareScalars(gold, answer, options_.decimal_places, budget_);
  }
  const bool same_shape = gold.Is(Kind::kMatrix) && answer.Is(Kind::kMatrix) && gold.columns == answer.columns;
  return Comparison::Of(same_shape && AllEqualInOrder(gold.parts, answer.parts), "matrix");
}

}  // namespace maspo
