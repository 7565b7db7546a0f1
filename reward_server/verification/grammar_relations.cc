#include <utility>

#include "reward_server/verification/grammar.h"
#include "services/base/status_macros.h"

namespace maspo {

using TokenKind = Token::Kind;

namespace {

bool EndsSide(TokenKind kind) {
  return kind == TokenKind::kEnd || kind == TokenKind::kComma || kind == TokenKind::kSemicolon ||
         kind == TokenKind::kRelation || kind == TokenKind::kApprox || kind == TokenKind::kIn ||
         kind == TokenKind::kClose;
}

// Adds "op right" to a = b or to a chain; the right side of the last relation is the left side of the next.
Expression Chained(Expression left, std::string_view op, Expression right) {
  using Kind = Expression::Kind;
  if (!IsRelation(left)) return Expression::Of(Kind::kRelation, std::move(left), std::move(right), op);
  Expression shared = LastRelation(left).parts[1];
  Expression next = Expression::Of(Kind::kRelation, std::move(shared), std::move(right), op);
  if (left.Is(Kind::kRelation)) left = Expression::Of(Kind::kChain, std::move(left));
  left.parts.push_back(std::move(next));
  return left;
}

}  // namespace

Grammar::Result Grammar::ParseRelation() {
  if (At(TokenKind::kRelation, "=")) {  // "= 5": the left side stood before the answer's text.
    ++at_;
    MASPO_ASSIGN_OR_RETURN(Expression right, ParseRelation());
    return IsEquation(right) ? Expression(LastRelation(right).parts[1]) : right;
  }
  MASPO_ASSIGN_OR_RETURN(Expression left, ParseSide());
  while (true) {
    if (At(TokenKind::kRelation)) {
      const std::string op = tokens_[at_++].text;
      MASPO_ASSIGN_OR_RETURN(Expression right, ParseSide());
      left = Chained(std::move(left), op, std::move(right));
    } else if (Take(TokenKind::kApprox)) {  // The exact side counts, unless it is only a name.
      MASPO_ASSIGN_OR_RETURN(Expression right, ParseSide());
      if (IsMadeOfSymbols(left)) left = std::move(right);
    } else if (At(TokenKind::kIn) || At(TokenKind::kNotIn)) {
      const bool is_in = tokens_[at_++].kind == TokenKind::kIn;
      MASPO_ASSIGN_OR_RETURN(left, ParseMembership(std::move(left), is_in));
    } else {
      return left;
    }
  }
}

// x \in A states x = A.
Grammar::Result Grammar::ParseMembership(Expression left, bool is_in) {
  MASPO_ASSIGN_OR_RETURN(Expression set, ParseSide());
  if (IsRelation(left)) return NotInTheGrammar();
  return Expression::Of(Kind::kRelation, std::move(left), std::move(set), is_in ? "=" : "!=");
}

// A unit in \text{} after the value is dropped: "3\text{ cm}, 4\text{ cm}".
Grammar::Result Grammar::ParseSide() {
  MASPO_ASSIGN_OR_RETURN(Expression side, ParseExpression(kNone));
  if (!side.Is(Kind::kProduct) || side.parts.size() != 2 || !EndsSide(Next().kind)) return side;
  const bool has_unit = side.parts[1].Is(Kind::kSymbol) && side.parts[1].text.size() > 1 &&
                        Next(0).kind != TokenKind::kEnd && at_ > 0 && tokens_[at_ - 1].kind == TokenKind::kWord;
  if (has_unit && side.parts[0].Is(Kind::kNumber)) return Expression(std::move(side.parts[0]));
  return side;
}

}  // namespace maspo
