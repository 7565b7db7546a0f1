#include <algorithm>
#include <optional>
#include <vector>

#include "reward_server/verification/answer_comparison.h"
#include "reward_server/verification/exact_value.h"
#include "reward_server/verification/real_sets.h"
#include "reward_server/verification/scalar_comparison.h"

namespace maspo {
namespace {

using Kind = Expression::Kind;

// All values, sorted and once each, when every member is an exact number written without a point.
std::optional<std::vector<Rational>> ExactMembers(const std::vector<Expression>& members, WorkBudget& budget) {
  std::vector<Rational> values(members.size());
  for (size_t i = 0; i < members.size(); ++i) {
    const bool is_plain = !members[i].Is(Kind::kPercent) && !IsBareDecimal(members[i]);
    if (!is_plain || ExactValue(members[i], budget, values[i]) != Exactness::kExact) return std::nullopt;
  }
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
  return values;
}

// f(x) as a variable: 0 < f(x) < 1 describes an interval.
Expression WithFunctionsAsVariables(Expression e) {
  const bool is_authors_own = e.Is(Kind::kFunction) && e.text.ends_with("()");
  if (is_authors_own) return Expression::Symbol(e.text);
  for (Expression& part : e.parts) part = WithFunctionsAsVariables(std::move(part));
  return e;
}

Expression AsList(const Expression& e) {
  return IsFiniteList(e) ? e : Expression::Of(Kind::kList, std::vector<Expression>(1, e));
}

}  // namespace

Comparison AnswerComparison::CompareSets(const Expression& gold, const Expression& answer) {
  const bool gold_is_relation = IsRelation(gold), answer_is_relation = IsRelation(answer);
  if (answer_is_relation && !options_.relations_as_sets) return Comparison::Of(false, "relation");
  if (!gold_is_relation && !answer_is_relation) {
    if (gold.Is(Kind::kTuple) && answer.Is(Kind::kTuple)) return CompareTuples(gold, answer);
    if (gold.Is(Kind::kTuple) && IsFiniteList(answer)) {
      return Comparison::Of(answer.Is(Kind::kList) && AllEqualInOrder(gold.parts, answer.parts), "tuple");
    }
    if (answer.Is(Kind::kTuple) && IsFiniteList(gold)) {
      return Comparison::Of(gold.Is(Kind::kList) && AllEqualInOrder(gold.parts, answer.parts), "tuple");
    }
    const bool are_lists = (IsFiniteList(gold) || !IsSetLike(gold)) && (IsFiniteList(answer) || !IsSetLike(answer));
    if (are_lists) return CompareMembers(AsList(gold), AsList(answer));
  }
  const Expression gold_set = gold_is_relation ? WithFunctionsAsVariables(gold) : gold;
  const Expression answer_set = answer_is_relation ? WithFunctionsAsVariables(answer) : answer;
  if (const std::optional<bool> same = SameRealSet(gold_set, answer_set, budget_)) {
    return Comparison::Of(*same, gold_is_relation || answer_is_relation ? "solution set" : "set of reals");
  }
  if (budget_.exhausted()) return {Comparison::Outcome::kDeadline, "deadline"};
  // Ends with variables: part by part.
  const bool same_shape = gold.kind == answer.kind && gold.text == answer.text && !gold.parts.empty();
  if (!same_shape) return Comparison::Of(false, "set");
  if (gold.Is(Kind::kDifference)) return Comparison::Of(AllEqualInOrder(gold.parts, answer.parts), "set");
  return CompareMembers(gold, answer);
}

// (5, 2) and [5, 2] are points, as no interval has its ends in this order.
Comparison AnswerComparison::CompareTuples(const Expression& gold, const Expression& answer) {
  const bool may_be_intervals = IsInterval(gold) && IsInterval(answer);
  const bool same_brackets = !may_be_intervals || gold.text == answer.text || IsDescending(gold);
  return Comparison::Of(same_brackets && AllEqualInOrder(gold.parts, answer.parts),
                        may_be_intervals ? "interval" : "tuple");
}

bool AnswerComparison::IsDescending(const Expression& pair) {
  Rational low, high;
  return ExactValue(pair.parts[0], budget_, low) == Exactness::kExact &&
         ExactValue(pair.parts[1], budget_, high) == Exactness::kExact && high < low;
}

Comparison AnswerComparison::CompareMembers(const Expression& gold, const Expression& answer) {
  const auto gold_values = ExactMembers(gold.parts, budget_);
  const auto values = gold_values ? ExactMembers(answer.parts, budget_) : std::nullopt;
  if (gold_values && values) return Comparison::Of(*gold_values == *values, "set");
  const bool equal = EveryOneIsIn(gold.parts, answer.parts, true) && EveryOneIsIn(answer.parts, gold.parts, false);
  if (budget_.exhausted()) return {Comparison::Outcome::kDeadline, "deadline"};
  return Comparison::Of(equal, "set");
}

bool AnswerComparison::EveryOneIsIn(const std::vector<Expression>& members, const std::vector<Expression>& others,
                                    bool members_are_gold) {
  return std::all_of(members.begin(), members.end(), [&](const Expression& member) {
    return std::any_of(others.begin(), others.end(), [&](const Expression& other) {
      return (members_are_gold ? Compare(member, other) : Compare(other, member)).is_equal();
    });
  });
}

bool AnswerComparison::AllEqualInOrder(const std::vector<Expression>& gold, const std::vector<Expression>& answer) {
  if (gold.size() != answer.size()) return false;
  for (size_t i = 0; i < gold.size(); ++i) {
    if (!Compare(gold[i], answer[i]).is_equal()) return false;
  }
  return true;
}

}  // namespace maspo
