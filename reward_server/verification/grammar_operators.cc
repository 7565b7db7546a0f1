#include <utility>

#include "reward_server/verification/grammar.h"
#include "reward_server/verification/latex_commands.h"
#include "services/base/status_macros.h"

namespace maspo {

using Kind = Expression::Kind;
using TokenKind = Token::Kind;

Grammar::Result Grammar::ParseExpression(Binding looser) {
  MASPO_ASSIGN_OR_RETURN(Expression left, ParseOperand());
  while (true) {
    const Binding binding = BindingOfNext();
    if (binding <= looser) return left;
    MASPO_ASSIGN_OR_RETURN(left, ParseInfix(std::move(left), binding));
  }
}

// kNone: the expression ends here.
Grammar::Binding Grammar::BindingOfNext() const {
  const auto is_unit = [](const Token& token) { return token.kind == TokenKind::kLetters && IsUnitWord(token.text); };
  switch (Next().kind) {
    case TokenKind::kPlus:
    case TokenKind::kMinus:
      return kSum;
    case TokenKind::kTimes:
      return kProduct;
    case TokenKind::kDivide:
      return is_unit(Next(1)) || Next(1).kind == TokenKind::kWords ? kNone : kProduct;
    case TokenKind::kPower:
      return kPower;
    case TokenKind::kPercent:
    case TokenKind::kDegree:
      return kPostfix;
    case TokenKind::kLetters:
      return is_unit(Next()) ? kNone : kImplicitProduct;
    case TokenKind::kFraction:
      return kImplicitProduct;
    case TokenKind::kGroupOpen:  // 3{4} is set as 34: no product of digits.
      return Next(1).kind == TokenKind::kNumber ? kNone : kImplicitProduct;
    case TokenKind::kOpen:
      return Next().text == "(" ? kImplicitProduct : kNone;
    default:
      return kNone;
  }
}

Grammar::Result Grammar::ParseInfix(Expression left, Binding binding) {
  const TokenKind op = Next().kind;
  if (binding != kImplicitProduct) ++at_;
  switch (op) {
    case TokenKind::kDegree:
      return left;
    case TokenKind::kPercent:
      if (left.kind == Kind::kPercent) return NotInTheGrammar();
      return Expression::Of(Kind::kPercent, std::move(left));
    case TokenKind::kPower: {
      MASPO_ASSIGN_OR_RETURN(Expression exponent, ParseArgument());
      if (At(TokenKind::kPower)) return NotInTheGrammar();  // 2^3^4: TeX refuses it too.
      return Expression::Of(Kind::kPower, std::move(left), std::move(exponent));
    }
    default:
      break;
  }
  MASPO_ASSIGN_OR_RETURN(Expression right, ParseExpression(binding));
  switch (op) {
    case TokenKind::kPlus:
      return Expression::Of(Kind::kSum, std::move(left), std::move(right));
    case TokenKind::kMinus:
      return Expression::Of(Kind::kSum, std::move(left), Expression::Of(Kind::kNegate, std::move(right)));
    case TokenKind::kDivide:
      return Expression::Of(Kind::kQuotient, std::move(left), std::move(right));
    default:
      return Expression::Of(Kind::kProduct, std::move(left), std::move(right));
  }
}

}  // namespace maspo
