#include "reward_server/verification/scalar_comparison.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "reward_server/limits.h"
#include "reward_server/verification/ball_value.h"
#include "reward_server/verification/exact_value.h"
#include "reward_server/verification/modular_identity.h"
#include "reward_server/verification/sample_points.h"

namespace maspo {
namespace {

using Kind = Expression::Kind;
using Outcome = Comparison::Outcome;

constexpr std::array<slong, 2> kFunctionBits = {64, 512};
constexpr slong kConstantBits = 512;  // Beyond the magnitude of the numbers compared.

// 1 for infinity, -1 for its negative, 0 for anything else.
int SignOfInfinity(const Expression& e) {
  if (e.Is(Kind::kNegate)) return -SignOfInfinity(e.parts[0]);
  return e.IsConstant("infinity") ? 1 : 0;
}

// An exact number, as it was written.
struct Number {
  const Expression& written;
  Rational value;

  bool is_percent() const { return written.Is(Kind::kPercent); }
  bool is_decimal() const { return IsBareDecimal(written); }
  bool is_exact_integer() const { return !is_decimal() && value.is_integer(); }
};

// Whether `whole` is the integer N and `percent` is N%, with an integer N.
bool IsIntegerOfPercent(const Number& percent, const Number& whole) {
  if (!percent.is_percent() || whole.is_percent() || !whole.is_exact_integer()) return false;
  const Expression& number = percent.written.parts[0];
  return number.Is(Kind::kNumber) && !number.is_decimal && number.value == whole.value;
}

Comparison CompareNumbers(const Number& a, const Number& b, int decimal_places) {
  const bool any_percent = a.is_percent() || b.is_percent();
  const bool any_decimal = a.is_decimal() || b.is_decimal();
  const bool integers = a.value.is_integer() && b.value.is_integer();
  const std::string_view rule = any_percent ? "percent" : any_decimal ? "decimal" : integers ? "integer" : "fraction";
  if (a.value == b.value || IsIntegerOfPercent(a, b) || IsIntegerOfPercent(b, a)) return Comparison::Of(true, rule);
  const bool rounds = any_decimal && !a.is_exact_integer() && !b.is_exact_integer();
  const bool equal = rounds && RoundToPlaces(a.value, decimal_places) == RoundToPlaces(b.value, decimal_places);
  return Comparison::Of(equal, rule);
}

// Bits of precision with which the difference of two values of this size is exact to kConstantBits bits.
slong BitsFor(const Ball& a, const Ball& b) {
  slong exponent = 0;
  for (const Ball* ball : {&a, &b}) {
    for (slong e = 64; e <= limits::kBallBits && arf_cmpabs_2exp_si(arb_midref(ball->real()), e) >= 0; e *= 2) {
      exponent = std::max(exponent, e);
    }
  }
  return std::min<slong>(limits::kBallBits, kConstantBits + 2 * exponent);
}

// Nothing: it has no value.
std::optional<bool> SameConstant(const Expression& a, const Expression& b, WorkBudget& budget) {
  Ball x, y;
  slong last = 64;
  for (slong bits = 64; bits <= last; bits = bits < last ? last : last + 1) {
    if (!BallValue(a, {}, Domain::kComplex, bits, budget, x) || !BallValue(b, {}, Domain::kComplex, bits, budget, y)) {
      return std::nullopt;
    }
    if (bits == 64) last = BitsFor(x, y);
    acb_sub(x.get(), x.get(), y.get(), bits);
    if (!x.contains_zero()) return false;
  }
  return true;
}

// Whether |e - rounded| <= 10^-places / 2 for an irrational e, so that e rounds to it. Nothing: e has no real value.
std::optional<bool> RoundsTo(const Expression& e, const Rational& decimal, int places, WorkBudget& budget) {
  const Rational rounded = RoundToPlaces(decimal, places);
  Rational half;
  if (ParseDecimal("0.5E-" + std::to_string(places), half) != Exactness::kExact) return std::nullopt;
  Ball distance;
  for (const slong bits : {64, 128, 256, 512}) {
    if (!BallValue(e, {}, Domain::kReal, bits, budget, distance)) return std::nullopt;
    arb_t center, bound;
    arb_init(center);
    arb_init(bound);
    arb_set_fmpq(center, rounded.get(), bits);
    arb_set_fmpq(bound, half.get(), bits);
    arb_sub(distance.real(), distance.real(), center, bits);
    arb_abs(distance.real(), distance.real());
    const bool below = arb_lt(distance.real(), bound), above = arb_gt(distance.real(), bound);
    arb_clear(center);
    arb_clear(bound);
    if (below || above) return below;
  }
  return true;
}

struct PointValues {
  Ball a, b;
};

// Calls visit(a, b) with the values at each point where both have one; false as soon as visit says so.
template <typename Visit>
bool ForEachPoint(const Expression& a, const Expression& b, Domain domain, slong bits, WorkBudget& budget, int& valid,
                  Visit visit) {
  Ball x, y;
  for (const Point& point : SamplePoints(a, b)) {
    if (!BallValue(a, point, domain, bits, budget, x) || !BallValue(b, point, domain, bits, budget, y)) continue;
    ++valid;
    if (!visit(x, y)) return false;
  }
  return true;
}

// Nothing: there is no point at which both have a value.
std::optional<bool> SameFunction(const Expression& a, const Expression& b, Domain domain, WorkBudget& budget) {
  int valid = 0;
  for (const slong bits : kFunctionBits) {
    valid = 0;
    const bool same = ForEachPoint(a, b, domain, bits, budget, valid, [&](Ball& x, const Ball& y) {
      acb_sub(x.get(), x.get(), y.get(), bits);
      return x.contains_zero();
    });
    if (!same) return false;
    if (valid == 0) return std::nullopt;
  }
  return true;
}

Comparison Unknown(Exactness a, Exactness b, WorkBudget& budget) {
  if (budget.exhausted() || a == Exactness::kDeadline || b == Exactness::kDeadline)
    return {Outcome::kDeadline, "deadline"};
  if (a == Exactness::kTooLarge || b == Exactness::kTooLarge) return {Outcome::kTooLarge, "too_large"};
  return {Outcome::kUnknown, "expression"};
}

}  // namespace

Comparison CompareScalars(const Expression& a, const Expression& b, int decimal_places, WorkBudget& budget) {
  Number x{a, {}}, y{b, {}};
  const Exactness exact_a = ExactValue(a, budget, x.value), exact_b = ExactValue(b, budget, y.value);
  const bool a_is_exact = exact_a == Exactness::kExact, b_is_exact = exact_b == Exactness::kExact;
  if (a_is_exact && b_is_exact) return CompareNumbers(x, y, decimal_places);
  if (SameTree(a, b)) return Comparison::Of(true, "same tree");
  if (const int sign_a = SignOfInfinity(a), sign_b = SignOfInfinity(b); sign_a != 0 || sign_b != 0) {
    return Comparison::Of(sign_a == sign_b, "infinity");
  }
  if (a_is_exact && x.is_decimal()) {
    if (const auto rounds = RoundsTo(b, x.value, decimal_places, budget)) return Comparison::Of(*rounds, "decimal");
  }
  if (b_is_exact && y.is_decimal()) {
    if (const auto rounds = RoundsTo(a, y.value, decimal_places, budget)) return Comparison::Of(*rounds, "decimal");
  }
  const bool constant = FreeSymbols(a).empty() && FreeSymbols(b).empty();
  if (constant) {
    if (const auto same = SameConstant(a, b, budget)) return Comparison::Of(*same, "constant");
    return Unknown(exact_a, exact_b, budget);
  }
  if (const auto same = SameRationalFunction(a, b, budget)) return Comparison::Of(*same, "polynomial");
  for (const Domain domain : {Domain::kReal, Domain::kComplex}) {
    if (const auto same = SameFunction(a, b, domain, budget)) {
      if (budget.exhausted()) break;
      return Comparison::Of(*same, "function");
    }
  }
  return Unknown(exact_a, exact_b, budget);
}

int SignOfConstant(const Expression& e, WorkBudget& budget) {
  Rational exact;
  if (ExactValue(e, budget, exact) == Exactness::kExact) return exact.sign();
  Ball value;
  for (const slong bits : {64, 128, 256, 512}) {
    if (!BallValue(e, {}, Domain::kReal, bits, budget, value)) return 2;
    if (arb_is_positive(value.real())) return 1;
    if (arb_is_negative(value.real())) return -1;
  }
  return 0;
}

int SignOfFactor(const Expression& a, const Expression& b, WorkBudget& budget) {
  int sign = 0;
  for (const slong bits : kFunctionBits) {
    int valid = 0;
    Ball first_a, first_b;
    sign = 0;
    // a / b is the same everywhere: a(x) b(x0) = b(x) a(x0).
    const bool constant = ForEachPoint(a, b, Domain::kReal, bits, budget, valid, [&](Ball& x, Ball& y) {
      if (x.contains_zero() && y.contains_zero()) return true;
      if (sign == 0) {
        if (x.contains_zero() || y.contains_zero()) return false;
        first_a = x;
        first_b = y;
        sign = arb_is_positive(x.real()) == arb_is_positive(y.real()) ? 1 : -1;
        return true;
      }
      acb_mul(x.get(), x.get(), first_b.get(), bits);
      acb_mul(y.get(), y.get(), first_a.get(), bits);
      acb_sub(x.get(), x.get(), y.get(), bits);
      return x.contains_zero();
    });
    if (!constant) return 0;
  }
  return budget.exhausted() ? 0 : sign;
}

}  // namespace maspo
