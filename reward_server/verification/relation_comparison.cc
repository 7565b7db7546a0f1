#include <string_view>
#include <utility>

#include "reward_server/verification/answer_comparison.h"
#include "reward_server/verification/scalar_comparison.h"

namespace maspo {
namespace {

using Kind = Expression::Kind;

std::string_view Flipped(std::string_view op) {
  if (op == "<") return ">";
  if (op == "<=") return ">=";
  if (op == ">") return "<";
  if (op == ">=") return "<=";
  return op;
}

Expression LeftMinusRight(const Expression& relation) {
  return Expression::Of(Kind::kSum, relation.parts[0], Expression::Negated(relation.parts[1]));
}

// The same relation read from right to left.
Expression Reversed(const Expression& relation) {
  if (relation.Is(Kind::kRelation)) {
    return Expression::Of(Kind::kRelation, relation.parts[1], relation.parts[0], Flipped(relation.text));
  }
  std::vector<Expression> parts;
  for (auto part = relation.parts.rbegin(); part != relation.parts.rend(); ++part) parts.push_back(Reversed(*part));
  return Expression::Of(Kind::kChain, std::move(parts));
}

bool HasSet(const Expression& relation) { return IsSetLike(relation.parts[0]) || IsSetLike(relation.parts[1]); }

}  // namespace

Comparison AnswerComparison::CompareRelations(const Expression& gold, const Expression& answer) {
  if (gold.Is(Kind::kChain) || answer.Is(Kind::kChain)) return CompareChains(gold, answer);
  if (HasSet(gold) || HasSet(answer)) {  // x \in A: side by side.
    const bool equal = gold.text == answer.text && Compare(gold.parts[0], answer.parts[0]).is_equal() &&
                       Compare(gold.parts[1], answer.parts[1]).is_equal();
    return Comparison::Of(equal, "membership");
  }
  return Comparison::Of(SameInequality(gold, answer), gold.text == "=" ? "equation" : "inequality");
}

Comparison AnswerComparison::CompareChains(const Expression& gold, const Expression& answer) {
  if (gold.kind != answer.kind || gold.parts.size() != answer.parts.size()) return Comparison::Of(false, "chain");
  const auto same_links = [&](const Expression& other) {
    for (size_t i = 0; i < gold.parts.size(); ++i) {
      if (!SameInequality(gold.parts[i], other.parts[i])) return false;
    }
    return true;
  };
  return Comparison::Of(same_links(answer) || same_links(Reversed(answer)), "chain");
}

// Also an equation: a = b as c = d or d = c, or with both sides multiplied.
bool AnswerComparison::SameInequality(const Expression& gold, const Expression& answer) {
  const bool same_way = gold.text == answer.text;
  if (!same_way && Flipped(gold.text) != answer.text) return false;
  const Expression left = LeftMinusRight(gold), right = LeftMinusRight(answer);
  const bool either_sign = gold.text == "=" || gold.text == "!=";
  const Expression& same = right;
  if (same_way && CompareScalars(left, same, options_.decimal_places, budget_).is_equal()) return true;
  if (FreeSymbols(left).empty() || FreeSymbols(right).empty()) {
    return (either_sign || !same_way) &&
           CompareScalars(left, Expression::Negated(right), options_.decimal_places, budget_).is_equal();
  }
  const int sign = SignOfFactor(left, right, budget_);
  return either_sign ? sign != 0 : sign == (same_way ? 1 : -1);
}

}  // namespace maspo
