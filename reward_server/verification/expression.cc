#include "reward_server/verification/expression.h"

#include <utility>

#include "services/base/status_macros.h"

namespace maspo {

using Kind = Expression::Kind;

Expression Expression::Number(Rational value, bool is_decimal, std::string text) {
  Expression number;
  number.kind = Kind::kNumber;
  number.value = std::move(value);
  number.is_decimal = is_decimal;
  number.text = std::move(text);
  return number;
}

Expression Expression::Symbol(std::string name) { return Of(Kind::kSymbol, {}, std::move(name)); }

Expression Expression::Of(Kind kind, std::vector<Expression> parts, std::string text) {
  Expression expression;
  expression.kind = kind;
  expression.parts = std::move(parts);
  expression.text = std::move(text);
  return expression;
}

Expression Expression::Of(Kind kind, Expression operand) {
  std::vector<Expression> parts;
  parts.push_back(std::move(operand));
  return Of(kind, std::move(parts));
}

Expression Expression::Of(Kind kind, Expression left, Expression right) {
  const bool grows = kind == Kind::kSum || kind == Kind::kProduct || kind == Kind::kQuotient;
  if (grows && left.kind == kind) {
    left.parts.push_back(std::move(right));
    return left;
  }
  std::vector<Expression> parts;
  parts.push_back(std::move(left));
  parts.push_back(std::move(right));
  return Of(kind, std::move(parts));
}

bool IsBareDecimal(const Expression& expression) {
  if (expression.kind == Kind::kNegate) return IsBareDecimal(expression.parts[0]);
  return expression.kind == Kind::kNumber && expression.is_decimal;
}

bool IsMadeOfSymbols(const Expression& expression) {
  switch (expression.kind) {
    case Kind::kSymbol:
      return true;
    case Kind::kProduct:
    case Kind::kTuple:
      for (const Expression& part : expression.parts) {
        if (!IsMadeOfSymbols(part)) return false;
      }
      return true;
    default:
      return false;
  }
}

bool SameTree(const Expression& a, const Expression& b, WorkBudget& budget) {
  if (!budget.Spend() || a.kind != b.kind || a.parts.size() != b.parts.size()) return false;
  if (a.kind == Kind::kNumber ? a.value != b.value : a.text != b.text) return false;
  for (size_t i = 0; i < a.parts.size(); ++i) {
    if (!SameTree(a.parts[i], b.parts[i], budget)) return false;
  }
  return true;
}

namespace {

absl::StatusOr<Rational> EvaluateParts(const Expression& expression, WorkBudget& budget) {
  MASPO_ASSIGN_OR_RETURN(Rational result, Evaluate(expression.parts[0], budget));
  for (size_t i = 1; i < expression.parts.size(); ++i) {
    MASPO_ASSIGN_OR_RETURN(const Rational operand, Evaluate(expression.parts[i], budget));
    // A unit of work is about one comparison of short numbers; long ones cost by the square of their length.
    const int64_t words = static_cast<int64_t>(mpz_size(result.get_num_mpz_t()) + mpz_size(result.get_den_mpz_t()));
    if (!budget.Spend(1 + words * words / 16)) return absl::DeadlineExceededError("evaluation takes too long");
    switch (expression.kind) {
      case Kind::kSum: {
        MASPO_ASSIGN_OR_RETURN(result, Add(result, operand));
        break;
      }
      case Kind::kProduct: {
        MASPO_ASSIGN_OR_RETURN(result, Multiply(result, operand));
        break;
      }
      case Kind::kQuotient: {
        MASPO_ASSIGN_OR_RETURN(result, Divide(result, operand));
        break;
      }
      default: {  // kPower
        if (!IsInteger(operand)) return absl::NotFoundError("a root has no exact value here");
        MASPO_ASSIGN_OR_RETURN(result, Power(result, operand.get_num()));
        break;
      }
    }
  }
  return result;
}

}  // namespace

absl::StatusOr<Rational> Evaluate(const Expression& expression, WorkBudget& budget) {
  switch (expression.kind) {
    case Kind::kNumber:
      return expression.value;
    case Kind::kNegate: {
      MASPO_ASSIGN_OR_RETURN(const Rational value, Evaluate(expression.parts[0], budget));
      return Rational(-value);
    }
    case Kind::kPercent: {
      MASPO_ASSIGN_OR_RETURN(const Rational value, Evaluate(expression.parts[0], budget));
      return Divide(value, 100);
    }
    case Kind::kSum:
    case Kind::kProduct:
    case Kind::kQuotient:
    case Kind::kPower: {
      absl::StatusOr<Rational> value = EvaluateParts(expression, budget);
      if (absl::IsOutOfRange(value.status())) return absl::NotFoundError(value.status().message());
      return value;
    }
    default:
      return absl::NotFoundError("not a number");
  }
}

}  // namespace maspo
