#include "reward_server/verification/ball_value.h"

#include <algorithm>
#include <functional>

#include "reward_server/limits.h"
#include "reward_server/verification/ball_functions.h"
#include "reward_server/verification/exact_value.h"
#include "reward_server/verification/functions.h"

namespace maspo {
namespace {

using Kind = Expression::Kind;

constexpr slong kMaxMagnitude = 1 << 20;  // Bits of the integer part of any value on the way.

class Evaluator {
 public:
  Evaluator(Point point, Domain domain, slong bits, WorkBudget& budget)
      : point_(std::move(point)), domain_(domain), bits_(bits), budget_(budget) {}

  bool Evaluate(const Expression& e, Ball& result) {
    if (!budget_.Spend(1 + bits_ / 64)) return false;
    if (!EvaluateUnchecked(e, result) || !result.is_finite()) return false;
    if (domain_ == Domain::kReal && !arb_contains_zero(acb_imagref(result.get()))) return false;
    return arf_cmpabs_2exp_si(arb_midref(result.real()), kMaxMagnitude) < 0;
  }

 private:
  bool EvaluateUnchecked(const Expression& e, Ball& result) {
    switch (e.kind) {
      case Kind::kNumber:
        acb_set_fmpq(result.get(), e.value.get(), bits_);
        return true;
      case Kind::kSymbol:
        return LookUp(e.text, result);
      case Kind::kConstant:
        return EvaluateConstant(e.text, result);
      case Kind::kNegate:
        if (!Evaluate(e.parts[0], result)) return false;
        acb_neg(result.get(), result.get());
        return true;
      case Kind::kPercent:
        if (!Evaluate(e.parts[0], result)) return false;
        acb_div_si(result.get(), result.get(), 100, bits_);
        return true;
      case Kind::kSum:
      case Kind::kProduct:
      case Kind::kQuotient:
        return EvaluateOperands(e, result);
      case Kind::kPower:
        return EvaluatePower(e, result);
      case Kind::kFunction:
        return EvaluateFunction(e, result);
      default:
        return false;
    }
  }

  bool LookUp(const std::string& name, Ball& result) const {
    for (auto variable = point_.rbegin(); variable != point_.rend(); ++variable) {
      if (variable->first != name) continue;
      acb_set_fmpq(result.get(), variable->second.get(), bits_);
      return true;
    }
    return false;
  }

  bool EvaluateConstant(const std::string& name, Ball& result) const {
    if (name == "pi") {
      acb_const_pi(result.get(), bits_);
    } else if (name == "e") {
      arb_const_e(result.real(), bits_);
    } else if (name == "i") {
      acb_onei(result.get());
    } else {
      return false;
    }
    return true;
  }

  bool EvaluateOperands(const Expression& e, Ball& result) {
    if (!Evaluate(e.parts[0], result)) return false;
    Ball operand;
    for (size_t i = 1; i < e.parts.size(); ++i) {
      if (!Evaluate(e.parts[i], operand)) return false;
      if (e.Is(Kind::kSum)) acb_add(result.get(), result.get(), operand.get(), bits_);
      if (e.Is(Kind::kProduct)) acb_mul(result.get(), result.get(), operand.get(), bits_);
      if (e.Is(Kind::kQuotient)) acb_div(result.get(), result.get(), operand.get(), bits_);
    }
    return true;
  }

  // The exact value of a part that has no free variables, where a function needs it.
  bool ExactPart(const Expression& e, Rational& value) {
    if (ExactValue(e, budget_, value) == Exactness::kExact) return true;
    if (point_.empty()) return false;
    Expression bound = e;
    for (const auto& [name, number] : point_) Substitute(bound, name, Expression::Number(number));
    return ExactValue(bound, budget_, value) == Exactness::kExact;
  }

  bool EvaluatePower(const Expression& e, Ball& result) {
    Ball base;
    if (!Evaluate(e.parts[0], base)) return false;
    Rational exponent;
    if (ExactPart(e.parts[1], exponent)) return RationalPower(base, exponent, bits_, result);
    Ball power;
    if (!Evaluate(e.parts[1], power)) return false;
    acb_pow(result.get(), base.get(), power.get(), bits_);
    return true;
  }

  bool EvaluateFunction(const Expression& e, Ball& result) {
    if (e.parts.empty()) return false;
    if (e.text == "sum" || e.text == "prod") return EvaluateSeries(e, result);
    if (e.text == "int") return EvaluateIntegral(e, result);
    if (e.text.starts_with("lim")) return EvaluateLimit(e, result);
    if (e.text == "diff") return EvaluateDerivative(e, result);
    if (e.text == "root") return EvaluateRoot(e, result);
    if (WantsExactArguments(e.text)) {
      Rational value;
      if (ExactPart(e, value)) {
        acb_set_fmpq(result.get(), value.get(), bits_);
        return true;
      }
    }
    std::vector<Ball> arguments(e.parts.size());
    for (size_t i = 0; i < e.parts.size(); ++i) {
      if (!Evaluate(e.parts[i], arguments[i])) return false;
    }
    if (IsKnownFunction(e.text)) return ApplyFunction(e.text, arguments, bits_, result);
    ApplyUnknownFunction(e.text, arguments, bits_, result);
    return true;
  }

  static bool WantsExactArguments(const std::string& name) {
    return name == "floor" || name == "ceil" || name == "mod" || name == "gcd" || name == "lcm" || name == "binomial" ||
           name == "factorial";
  }

  bool EvaluateRoot(const Expression& e, Ball& result) {
    Ball radicand;
    Rational degree, exponent;
    if (!ExactPart(e.parts[1], degree) || Divide(Rational(1), degree, exponent) != Exactness::kExact) return false;
    return Evaluate(e.parts[0], radicand) && RationalPower(radicand, exponent, bits_, result);
  }

  bool EvaluateSeries(const Expression& e, Ball& result) {
    Rational from, to;
    if (!ExactPart(e.parts[1], from) || !ExactPart(e.parts[2], to)) return false;
    if (!from.IsSmall(WORD_MAX / 4) || !to.IsSmall(WORD_MAX / 4) || to.small() - from.small() > limits::kTerms)
      return false;
    const bool sums = e.text == "sum";
    acb_set_si(result.get(), sums ? 0 : 1);
    Ball term;
    for (slong i = from.small(); i <= to.small(); ++i) {
      point_.emplace_back(e.parts[0].text, Rational(i));
      const bool ok = Evaluate(e.parts[3], term);
      point_.pop_back();
      if (!ok) return false;
      if (sums) {
        acb_add(result.get(), result.get(), term.get(), bits_);
      } else {
        acb_mul(result.get(), result.get(), term.get(), bits_);
      }
    }
    return true;
  }

  // The term at `offset` from the target (or, when that is infinite, at 1 / offset).
  bool EvaluateAt(const Expression& e, const Expression& target, const Expression& term, const Rational& offset,
                  slong bits, Ball& result) {
    Rational at;
    const bool negative = target.Is(Kind::kNegate);
    if ((negative ? target.parts[0] : target).IsConstant("infinity")) {
      if (Divide(Rational(negative ? -1 : 1), offset, at) != Exactness::kExact) return false;
    } else if (!ExactPart(target, at) || Add(at, offset, at) != Exactness::kExact) {
      return false;
    }
    Point point = point_;
    point.emplace_back(e.parts[0].text, at);
    return Evaluator(std::move(point), domain_, bits, budget_).Evaluate(term, result);
  }

  static Rational Tiny(slong bits) {
    Rational tiny(1);
    fmpz_mul_2exp(fmpq_denref(tiny.get()), fmpq_denref(tiny.get()), bits);
    return tiny;
  }

  // By the value 2^-kStepBits next to the target, which is off by about as much; the ball says so.
  bool EvaluateLimit(const Expression& e, Ball& result) {
    const Rational step = e.text == "lim-" ? Tiny(kStepBits).Negated() : Tiny(kStepBits);
    if (!EvaluateAt(e, e.parts[1], e.parts[2], step, kStepPrecision, result)) return false;
    Widen(result);
    return true;
  }

  // By a central difference over 2^-kStepBits.
  bool EvaluateDerivative(const Expression& e, Ball& result) {
    const Expression at = e.parts[0];
    Ball before;
    const Rational step = Tiny(kStepBits);
    if (!EvaluateAt(e, at, e.parts[1], step, kStepPrecision, result)) return false;
    if (!EvaluateAt(e, at, e.parts[1], step.Negated(), kStepPrecision, before)) return false;
    acb_sub(result.get(), result.get(), before.get(), kStepPrecision);
    acb_mul_2exp_si(result.get(), result.get(), kStepBits - 1);
    Widen(result);
    return true;
  }

  static void Widen(Ball& value) {
    Ball error;
    acb_set_si(error.get(), 1);
    acb_mul_2exp_si(error.get(), error.get(), -kStepBits / 2);
    arb_add_error(value.real(), error.real());
    if (!value.is_real()) arb_add_error(acb_imagref(value.get()), error.real());
  }

  bool EvaluateIntegral(const Expression& e, Ball& result) {
    Ball from, to;
    if (!Evaluate(e.parts[1], from) || !Evaluate(e.parts[2], to)) return false;
    return IntegrateByGauss(from, to, e.parts[0].text, e.parts[3], result);
  }

  bool IntegrateByGauss(const Ball& from, const Ball& to, const std::string& variable, const Expression& integrand,
                        Ball& result);

  static constexpr slong kStepBits = 200;
  static constexpr slong kStepPrecision = 1024;

  Point point_;
  const Domain domain_;
  const slong bits_;
  WorkBudget& budget_;
};

// Gauss and Legendre's rule on kPanels panels with kNodes nodes, exact for polynomials. The ball is widened so that it
// claims no more than kIntegralBits bits of a smooth integrand.
bool Evaluator::IntegrateByGauss(const Ball& from, const Ball& to, const std::string& variable,
                                 const Expression& integrand, Ball& result) {
  constexpr int kNodes = 24, kPanels = 4;
  constexpr slong kBits = 192, kIntegralBits = 40;
  acb_zero(result.get());
  if (!from.is_real() || !to.is_real()) return false;
  Ball node, weight, x, value, width, center;
  acb_sub(width.get(), to.get(), from.get(), kBits);
  acb_div_si(width.get(), width.get(), 2 * kPanels, kBits);  // Half a panel.
  for (int k = 0; k < kNodes; ++k) {
    arb_hypgeom_legendre_p_ui_root(node.real(), weight.real(), kNodes, k, kBits);
    for (int panel = 0; panel < kPanels; ++panel) {
      acb_mul_si(center.get(), width.get(), 2 * panel + 1, kBits);
      acb_add(center.get(), center.get(), from.get(), kBits);
      acb_mul(x.get(), node.get(), width.get(), kBits);
      acb_add(x.get(), x.get(), center.get(), kBits);
      Rational at;
      arf_get_fmpq(at.get(), arb_midref(x.real()));
      Point point = point_;
      point.emplace_back(variable, std::move(at));
      if (!Evaluator(std::move(point), domain_, kBits, budget_).Evaluate(integrand, value)) return false;
      acb_mul(value.get(), value.get(), weight.get(), kBits);
      acb_add(result.get(), result.get(), value.get(), kBits);
    }
  }
  acb_mul(result.get(), result.get(), width.get(), kBits);
  Ball error;
  acb_set_si(error.get(), 1);
  acb_mul_2exp_si(error.get(), error.get(), -kIntegralBits);
  arb_add_error(result.real(), error.real());
  return true;
}

}  // namespace

bool BallValue(const Expression& e, const Point& point, Domain domain, slong bits, WorkBudget& budget, Ball& result) {
  return Evaluator(point, domain, bits, budget).Evaluate(e, result);
}

}  // namespace maspo
