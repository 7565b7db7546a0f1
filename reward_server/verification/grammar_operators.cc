#include <utility>

#include "reward_server/limits.h"
#include "reward_server/verification/grammar.h"
#include "services/base/status_macros.h"

namespace maspo {

using TokenKind = Token::Kind;

namespace {

using Kind = Expression::Kind;

bool IsWhole(const Expression& e) { return e.Is(Kind::kNumber) && !e.is_decimal && e.value.is_integer(); }

// A set of one member in an expression is a member in braces: 2\{3 + 4\}.
Expression Unbraced(Expression e) {
  if (e.Is(Kind::kSet) && e.parts.size() == 1) return Expression(std::move(e.parts[0]));
  return e;
}

// Two integers make a fraction at once: 3/4 is a number as \frac{3}{4} is.
Expression Quotient(Expression dividend, Expression divisor) {
  if (IsWhole(dividend) && IsWhole(divisor) && !divisor.value.is_zero()) {
    Rational value;
    if (Divide(dividend.value, divisor.value, value) == Exactness::kExact) return Expression::Number(std::move(value));
  }
  return Expression::Of(Kind::kQuotient, std::move(dividend), std::move(divisor));
}

Expression Applied(std::string_view function, Expression left, Expression right) {
  return Expression::Of(Kind::kFunction, std::move(left), std::move(right), function);
}

}  // namespace

Grammar::Result Grammar::ParseExpression(Binding looser) {
  Result left = NotInTheGrammar();
  if (At(TokenKind::kPlus) || At(TokenKind::kMinus) || At(TokenKind::kPlusMinus)) {
    const Token sign = tokens_[at_++];
    if (++nesting_ > limits::kNesting) return absl::ResourceExhaustedError("the answer has too many signs");
    left = ParseExpression(std::max(looser, kProduct));
    --nesting_;
    if (!left.ok()) return left;
    if (sign.kind == TokenKind::kMinus) left = Expression::Negated(*std::move(left));
    if (sign.kind == TokenKind::kPlusMinus) left = Expression::Of(Kind::kPlusMinus, *std::move(left), sign.text);
  } else {
    left = ParseOperand();
  }
  while (left.ok()) {
    const Binding binding = BindingOfNext();
    if (binding <= looser) break;
    left = ParseInfix(*std::move(left), binding);
  }
  return left;
}

bool Grammar::BeginsOperand(size_t ahead) const {
  switch (Next(ahead).kind) {
    case TokenKind::kNumber:  // 3 4 is no product of digits.
      return ahead > 0 || at_ == 0 || tokens_[at_ - 1].kind != TokenKind::kNumber;
    case TokenKind::kRepeating:
    case TokenKind::kLetter:
    case TokenKind::kConstant:
    case TokenKind::kWord:
    case TokenKind::kAccent:
    case TokenKind::kFraction:
    case TokenKind::kBinomial:
    case TokenKind::kRoot:
    case TokenKind::kMatrixBegin:
    case TokenKind::kOpen:
      return true;
    case TokenKind::kFunction:
    case TokenKind::kBigOperator:
      return !stops_at_function_;
    case TokenKind::kBar:
      return open_bars_ == 0;
    default:
      return false;
  }
}

// kNone: the expression ends here.
Grammar::Binding Grammar::BindingOfNext() const {
  switch (Next().kind) {
    case TokenKind::kChoose:
      return kChoose;
    case TokenKind::kSetMinus:
      return kDifference;
    case TokenKind::kUnion:
      return kUnion;
    case TokenKind::kIntersection:
      return kIntersection;
    case TokenKind::kPlus:
    case TokenKind::kMinus:
    case TokenKind::kPlusMinus:
      return kSum;
    case TokenKind::kTimes:
    case TokenKind::kDivide:
    case TokenKind::kColon:
    case TokenKind::kMod:
      return stops_at_function_ && !BeginsOperand(1) ? kNone : kProduct;
    case TokenKind::kPower:
      return kPower;
    case TokenKind::kPercent:
    case TokenKind::kDegree:
    case TokenKind::kTranspose:
    case TokenKind::kBang:
      return kPostfix;
    default:
      return BeginsOperand(0) ? kImplicitProduct : kNone;
  }
}

Grammar::Result Grammar::ParseInfix(Expression left, Binding binding) {
  if (!budget_.Spend()) return absl::DeadlineExceededError("reading the answer takes too long");
  const bool grows = binding == kSum || At(TokenKind::kTimes) || binding == kImplicitProduct || binding == kUnion;
  if (!grows && ++chained_ > limits::kChained) return absl::ResourceExhaustedError("the answer is nested too deeply");
  if (binding == kPostfix) return ParsePostfix(std::move(left));
  if (binding == kImplicitProduct) return ParseImplicitProduct(std::move(left));
  const Token op = tokens_[at_++];
  if (binding == kPower) {
    MASPO_ASSIGN_OR_RETURN(Expression exponent, ParseExponent());
    return Expression::Of(Kind::kPower, Unbraced(std::move(left)), Unbraced(std::move(exponent)));
  }
  MASPO_ASSIGN_OR_RETURN(Expression right, ParseExpression(binding));
  switch (op.kind) {
    case TokenKind::kSetMinus:
      return Expression::Of(Kind::kDifference, std::move(left), std::move(right));
    case TokenKind::kUnion:
      return Expression::Flat(Kind::kUnion, std::move(left), std::move(right));
    case TokenKind::kIntersection:
      return Expression::Flat(Kind::kIntersection, std::move(left), std::move(right));
    default:
      break;
  }
  left = Unbraced(std::move(left));
  right = Unbraced(std::move(right));
  switch (op.kind) {
    case TokenKind::kPlus:
      return Expression::Flat(Kind::kSum, std::move(left), std::move(right));
    case TokenKind::kMinus:
      return Expression::Flat(Kind::kSum, std::move(left), Expression::Negated(std::move(right)));
    case TokenKind::kPlusMinus:
      return Expression::Of(Kind::kPlusMinus, std::move(left), std::move(right), op.text);
    case TokenKind::kDivide:
    case TokenKind::kColon:
      return Quotient(std::move(left), std::move(right));
    case TokenKind::kChoose:
      return Applied("binomial", std::move(left), std::move(right));
    case TokenKind::kMod:
      return Applied("mod", std::move(left), std::move(right));
    default:
      return Expression::Flat(Kind::kProduct, std::move(left), std::move(right));
  }
}

Grammar::Result Grammar::ParsePostfix(Expression left) {
  switch (tokens_[at_++].kind) {
    case TokenKind::kPercent:
      if (left.Is(Kind::kPercent)) return NotInTheGrammar();
      return Expression::Of(Kind::kPercent, std::move(left));
    case TokenKind::kBang:
      return Expression::Function("factorial", std::vector<Expression>(1, Unbraced(std::move(left))));
    case TokenKind::kTranspose: {
      if (!left.Is(Kind::kMatrix)) {
        return Expression::Of(Kind::kPower, std::move(left), Expression::Symbol("t"));
      }
      Expression transposed = left;
      const size_t columns = left.columns, rows = left.parts.size() / columns;
      for (size_t i = 0; i < left.parts.size(); ++i) {
        transposed.parts[(i % columns) * rows + i / columns] = std::move(left.parts[i]);
      }
      transposed.columns = static_cast<int>(rows);
      return transposed;
    }
    default: {  // A degree mark means something only to functions of angles.
      if (open_functions_ == 0) return left;
      Expression degree =
          Expression::Of(Kind::kQuotient, Expression::Constant("pi"), Expression::Number(Rational(180)));
      return Expression::Flat(Kind::kProduct, std::move(left), std::move(degree));
    }
  }
}

// 2x, x(x + 1), 2\frac{1}{2}. An integer before a fraction of integers makes a mixed number.
Grammar::Result Grammar::ParseImplicitProduct(Expression left) {
  const bool at_fraction = At(TokenKind::kFraction);
  MASPO_ASSIGN_OR_RETURN(Expression right, ParseExpression(kImplicitProduct));
  const bool is_fraction = at_fraction && right.Is(Kind::kNumber) && right.value.sign() > 0;
  if (is_fraction && IsWhole(left)) {
    Rational value;
    if (Add(left.value, right.value, value) == Exactness::kExact) return Expression::Number(std::move(value));
  }
  return Expression::Flat(Kind::kProduct, Unbraced(std::move(left)), Unbraced(std::move(right)));
}

}  // namespace maspo
