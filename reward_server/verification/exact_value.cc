#include "reward_server/verification/exact_value.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "reward_server/limits.h"

namespace maspo {
namespace {

using Kind = Expression::Kind;

constexpr slong kMaxFactorial = 5000;    // 5000! has 54,000 bits.
constexpr slong kMaxBinomial = 1 << 15;  // 2^n bounds the value.

class Evaluator {
 public:
  explicit Evaluator(WorkBudget& budget) : budget_(budget) {}

  Exactness Evaluate(const Expression& e, Rational& result) {
    switch (e.kind) {
      case Kind::kNumber:
        result = e.value;
        return Exactness::kExact;
      case Kind::kSymbol:
        return LookUp(e.text, result);
      case Kind::kNegate: {
        const Exactness exact = Evaluate(e.parts[0], result);
        if (exact == Exactness::kExact) result = result.Negated();
        return exact;
      }
      case Kind::kPercent: {
        const Exactness exact = Evaluate(e.parts[0], result);
        return exact == Exactness::kExact ? Divide(result, Rational(100), result) : exact;
      }
      case Kind::kSum:
      case Kind::kProduct:
      case Kind::kQuotient:
      case Kind::kPower:
        return EvaluateOperands(e, result);
      case Kind::kFunction:
        return EvaluateFunction(e, result);
      default:
        return Exactness::kNone;
    }
  }

 private:
  // A unit of work is about one comparison of short numbers; long ones cost by the square of their length.
  bool Spend(const Rational& a) {
    const int64_t words = static_cast<int64_t>(fmpz_size(a.numerator()) + fmpz_size(a.denominator()));
    return budget_.Spend(1 + words * words / 16);
  }

  Exactness LookUp(const std::string& name, Rational& result) const {
    for (auto binding = bindings_.rbegin(); binding != bindings_.rend(); ++binding) {
      if (binding->first != name) continue;
      result = binding->second;
      return Exactness::kExact;
    }
    return Exactness::kNone;
  }

  static Exactness Combine(Kind kind, const Rational& a, const Rational& b, Rational& result) {
    switch (kind) {
      case Kind::kSum:
        return Add(a, b, result);
      case Kind::kProduct:
        return Multiply(a, b, result);
      case Kind::kQuotient:
        return Divide(a, b, result);
      default:
        return Power(a, b, result);
    }
  }

  Exactness EvaluateOperands(const Expression& e, Rational& result) {
    Exactness exact = Evaluate(e.parts[0], result);
    Rational operand;
    for (size_t i = 1; i < e.parts.size() && exact == Exactness::kExact; ++i) {
      exact = Evaluate(e.parts[i], operand);
      if (exact != Exactness::kExact) break;
      if (!Spend(result)) return Exactness::kDeadline;
      exact = Combine(e.kind, result, operand, result);
    }
    return exact;
  }

  Exactness EvaluateFunction(const Expression& e, Rational& result) {
    if (e.text == "sum" || e.text == "prod") return EvaluateSeries(e, result);
    std::vector<Rational> arguments(e.parts.size());
    if (e.text == "log" || e.parts.empty()) return Exactness::kNone;
    for (size_t i = 0; i < e.parts.size(); ++i) {
      const Exactness exact = Evaluate(e.parts[i], arguments[i]);
      if (exact != Exactness::kExact) return exact;
    }
    if (!Spend(arguments[0])) return Exactness::kDeadline;
    return Apply(e.text, arguments, result);
  }

  Exactness Apply(const std::string& name, const std::vector<Rational>& a, Rational& result) {
    result = a[0];
    if (name == "abs") {
      if (result.sign() < 0) result = result.Negated();
      return Exactness::kExact;
    }
    if (name == "root") {
      Rational exponent;
      const Exactness exact = Divide(Rational(1), a[1], exponent);
      return exact == Exactness::kExact ? Power(a[0], exponent, result) : exact;
    }
    if (name == "floor" || name == "ceil") return RoundToward(name == "ceil", result);
    if (name == "factorial") return Factorial(result);
    if (name == "gamma")
      return Add(result, Rational(-1), result) == Exactness::kExact ? Factorial(result) : Exactness::kNone;
    if (name == "binomial") return Binomial(a[0], a[1], result);
    if (name == "mod") return Modulo(a[0], a[1], result);
    if (name == "max" || name == "min") {
      for (const Rational& other : a) {
        if (name == "max" ? result < other : other < result) result = other;
      }
      return Exactness::kExact;
    }
    if (name == "gcd" || name == "lcm") return CommonDivisorOrMultiple(name == "gcd", a, result);
    return Exactness::kNone;
  }

  static Exactness RoundToward(bool up, Rational& value) {
    Rational rounded;
    if (up) {
      fmpz_cdiv_q(fmpq_numref(rounded.get()), value.numerator(), value.denominator());
    } else {
      fmpz_fdiv_q(fmpq_numref(rounded.get()), value.numerator(), value.denominator());
    }
    value = std::move(rounded);
    return Exactness::kExact;
  }

  static Exactness Factorial(Rational& value) {
    if (!value.is_integer() || value.sign() < 0) return Exactness::kNone;
    if (!value.IsSmall(kMaxFactorial)) return Exactness::kTooLarge;
    Rational factorial;
    fmpz_fac_ui(fmpq_numref(factorial.get()), value.small());
    value = std::move(factorial);
    return Exactness::kExact;
  }

  static Exactness Binomial(const Rational& n, const Rational& k, Rational& result) {
    if (!n.is_integer() || !k.is_integer() || n.sign() < 0 || k.sign() < 0) return Exactness::kNone;
    if (n < k) {
      result = Rational();
      return Exactness::kExact;
    }
    if (!n.IsSmall(kMaxBinomial)) return Exactness::kTooLarge;
    Rational binomial;
    fmpz_bin_uiui(fmpq_numref(binomial.get()), n.small(), k.small());
    result = std::move(binomial);
    return Exactness::kExact;
  }

  static Exactness Modulo(const Rational& a, const Rational& b, Rational& result) {
    if (!a.is_integer() || !b.is_integer() || b.is_zero()) return Exactness::kNone;
    Rational remainder;
    fmpz_fdiv_r(fmpq_numref(remainder.get()), a.numerator(), b.numerator());
    result = std::move(remainder);
    return Exactness::kExact;
  }

  Exactness CommonDivisorOrMultiple(bool divisor, const std::vector<Rational>& a, Rational& result) {
    Rational common = a[0];
    for (const Rational& other : a) {
      if (!other.is_integer()) return Exactness::kNone;
      if (!Spend(common)) return Exactness::kDeadline;
      if (fmpz_bits(common.numerator()) + fmpz_bits(other.numerator()) > limits::kIntegerBits)
        return Exactness::kTooLarge;
      if (divisor) {
        fmpz_gcd(fmpq_numref(common.get()), common.numerator(), other.numerator());
      } else {
        fmpz_lcm(fmpq_numref(common.get()), common.numerator(), other.numerator());
      }
    }
    result = std::move(common);
    return Exactness::kExact;
  }

  // \sum_{k=from}^{to} term, with numbers as bounds.
  Exactness EvaluateSeries(const Expression& e, Rational& result) {
    Rational from, to, term;
    for (const auto& [part, bound] : {std::pair<int, Rational*>{1, &from}, {2, &to}}) {
      const Exactness exact = Evaluate(e.parts[part], *bound);
      if (exact != Exactness::kExact) return exact;
    }
    if (!from.is_integer() || !to.is_integer()) return Exactness::kNone;
    Rational count;
    if (Add(to, from.Negated(), count) != Exactness::kExact) return Exactness::kTooLarge;
    if (!from.IsSmall(WORD_MAX / 4) || !count.IsSmall(limits::kTerms)) return Exactness::kTooLarge;
    const bool sums = e.text == "sum";
    result = Rational(sums ? 0 : 1);
    for (slong i = 0; i <= count.small(); ++i) {
      bindings_.emplace_back(e.parts[0].text, Rational(from.small() + i));
      Exactness exact = Evaluate(e.parts[3], term);
      bindings_.pop_back();
      if (exact != Exactness::kExact) return exact;
      if (!Spend(result)) return Exactness::kDeadline;
      exact = Combine(sums ? Kind::kSum : Kind::kProduct, result, term, result);
      if (exact != Exactness::kExact) return exact;
    }
    return Exactness::kExact;
  }

  WorkBudget& budget_;
  std::vector<std::pair<std::string, Rational>> bindings_;  // Index variables, the innermost last.
};

}  // namespace

Exactness ExactValue(const Expression& e, WorkBudget& budget, Rational& result) {
  if (e.Is(Kind::kNumber)) {
    result = e.value;
    return Exactness::kExact;
  }
  return Evaluator(budget).Evaluate(e, result);
}

}  // namespace maspo
