#include "reward_server/verification/answer_comparison.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "reward_server/verification/number_comparison.h"
#include "services/base/status_macros.h"

namespace maspo {
namespace {

using Kind = Expression::Kind;
using Outcome = Comparison::Outcome;

class Comparer {
 public:
  Comparer(int decimal_places, WorkBudget& budget) : decimal_places_(decimal_places), budget_(budget) {}

  absl::StatusOr<bool> Equal(const Expression& gold, const Expression& answer) {
    const bool gold_is_equation = gold.kind == Kind::kEquation;
    const bool answer_is_equation = answer.kind == Kind::kEquation;
    if (gold_is_equation && !answer_is_equation && IsMadeOfSymbols(gold.parts[0])) return Equal(gold.parts[1], answer);
    if (answer_is_equation && !gold_is_equation) return Equal(gold, answer.parts[1]);

    if (IsUnordered(gold) && IsUnordered(answer)) return SameMembers(gold.parts, answer.parts);
    if (IsSequence(gold) || IsSequence(answer)) {
      if (!BracketsAgree(gold, answer)) return false;
      return InOrder(gold.parts, answer.parts);
    }
    if (gold_is_equation && answer_is_equation) return InOrder(gold.parts, answer.parts);

    absl::StatusOr<bool> numbers_equal = NumbersEqual(gold, answer, decimal_places_, budget_);
    if (!absl::IsNotFound(numbers_equal.status())) return numbers_equal;
    return SameTree(gold, answer, budget_);
  }

 private:
  static bool IsUnordered(const Expression& e) { return e.kind == Kind::kSet || e.kind == Kind::kList; }
  static bool IsSequence(const Expression& e) { return IsUnordered(e) || e.kind == Kind::kTuple; }
  static bool BracketsAgree(const Expression& a, const Expression& b) {
    if (a.kind == Kind::kTuple && b.kind == Kind::kTuple) return a.text == b.text;
    const Kind other = a.kind == Kind::kTuple ? b.kind : a.kind;
    return other == Kind::kList;
  }

  absl::StatusOr<bool> InOrder(const std::vector<Expression>& gold, const std::vector<Expression>& answer) {
    if (gold.size() != answer.size()) return false;
    for (size_t i = 0; i < gold.size(); ++i) {
      MASPO_ASSIGN_OR_RETURN(const bool equal, Equal(gold[i], answer[i]));
      if (!equal) return false;
    }
    return true;
  }

  absl::StatusOr<bool> SameMembers(const std::vector<Expression>& gold, const std::vector<Expression>& answer) {
    MASPO_ASSIGN_OR_RETURN(const bool all_found, EachHasEqual(gold, answer, /*first_is_gold=*/true));
    if (!all_found) return false;
    return EachHasEqual(answer, gold, /*first_is_gold=*/false);
  }

  // Whether every member of `first` equals some member of `second`.
  absl::StatusOr<bool> EachHasEqual(const std::vector<Expression>& first, const std::vector<Expression>& second,
                                    bool first_is_gold) {
    for (size_t i = 0; i < first.size(); ++i) {
      bool found = false;
      for (size_t j = 0; j < second.size() && !found; ++j) {
        const Expression& candidate = second[(i + j) % second.size()];  // Most lists come in the same order.
        MASPO_ASSIGN_OR_RETURN(found, first_is_gold ? Equal(first[i], candidate) : Equal(candidate, first[i]));
      }
      if (!found) return false;
    }
    return true;
  }

  const int decimal_places_;
  WorkBudget& budget_;
};

// The name of the rule that compares these two.
std::string_view NameOfRule(const Expression& gold, const Expression& answer) {
  const auto either = [&](auto&& predicate) { return predicate(gold) || predicate(answer); };
  const auto is = [](Kind kind) { return [kind](const Expression& e) { return e.kind == kind; }; };
  if (gold.kind == Kind::kEquation && answer.kind == Kind::kEquation) return "equation";
  if (gold.kind == Kind::kEquation) return NameOfRule(gold.parts[1], answer);
  if (answer.kind == Kind::kEquation) return NameOfRule(gold, answer.parts[1]);
  if (either(is(Kind::kFormula))) return "formula";
  if (either(is(Kind::kTuple))) return "tuple";
  if (either(is(Kind::kSet))) return "set";
  if (either(is(Kind::kList))) return "list";
  if (either(is(Kind::kPercent))) return "percent";
  if (gold.kind == Kind::kSymbol && answer.kind == Kind::kSymbol) return "text";
  if (either(IsBareDecimal)) return "decimal";
  if (either(is(Kind::kQuotient))) return "fraction";
  if (gold.kind == Kind::kNumber || answer.kind == Kind::kNumber) return "integer";
  return "expression";
}

}  // namespace

Comparison CompareAnswers(const ParsedAnswer& gold, const ParsedAnswer& answer, int decimal_places,
                          WorkBudget& budget) {
  const std::string_view rule = NameOfRule(gold.tree, answer.tree);
  if (gold.canonical == answer.canonical) return {Outcome::kEqual, rule};
  if (gold.tree.kind == Kind::kFormula || answer.tree.kind == Kind::kFormula) return {Outcome::kUnreadable, rule};
  const absl::StatusOr<bool> equal = Comparer(decimal_places, budget).Equal(gold.tree, answer.tree);
  if (budget.exhausted()) return {Outcome::kDeadline, rule};
  if (!equal.ok()) return {Outcome::kTooLarge, rule};
  return {*equal ? Outcome::kEqual : Outcome::kDifferent, rule};
}

}  // namespace maspo
