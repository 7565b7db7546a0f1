#include "reward_server/verification/number_comparison.h"

#include "services/base/status_macros.h"

namespace maspo {
namespace {

struct Value {
  const Expression& expression;
  Rational exact;

  bool is_percent() const { return expression.kind == Expression::Kind::kPercent; }
  bool is_decimal() const { return IsBareDecimal(expression); }
  bool is_exact_integer() const { return !is_decimal() && IsInteger(exact); }
};

// Whether `whole` is the integer N and `percent` is N%.
bool IsIntegerOfPercent(const Value& percent, const Value& whole) {
  return percent.is_percent() && !whole.is_percent() && IsInteger(whole.exact) && percent.exact * 100 == whole.exact;
}

}  // namespace

absl::StatusOr<bool> NumbersEqual(const Expression& a, const Expression& b, int decimal_places, WorkBudget& budget) {
  MASPO_ASSIGN_OR_RETURN(Rational exact_a, Evaluate(a, budget));
  MASPO_ASSIGN_OR_RETURN(Rational exact_b, Evaluate(b, budget));
  const Value x{a, std::move(exact_a)};
  const Value y{b, std::move(exact_b)};
  if (x.exact == y.exact || IsIntegerOfPercent(x, y) || IsIntegerOfPercent(y, x)) return true;
  const bool rounds = (x.is_decimal() || y.is_decimal()) && !x.is_exact_integer() && !y.is_exact_integer();
  return rounds && RoundToPlaces(x.exact, decimal_places) == RoundToPlaces(y.exact, decimal_places);
}

}  // namespace maspo
