#include <utility>

#include "absl/strings/str_cat.h"
#include "reward_server/limits.h"
#include "reward_server/verification/grammar.h"
#include "services/base/status_macros.h"

namespace maspo {

using Kind = Expression::Kind;
using TokenKind = Token::Kind;

namespace {

Grammar::Result NumberOf(std::string digits) {
  MASPO_ASSIGN_OR_RETURN(Rational value, ParseDecimal(digits));
  const bool is_decimal = digits.find('.') != std::string::npos;
  return Expression::Number(std::move(value), is_decimal, std::move(digits));
}

}  // namespace

// Every recursion of the grammar comes through here.
Grammar::Result Grammar::ParseOperand() {
  if (!budget_.Spend()) return absl::DeadlineExceededError("reading the answer takes too long");
  if (nesting_ >= limits::kNesting) return absl::ResourceExhaustedError("the answer is nested too deeply");
  ++nesting_;
  Result operand = ParseOperandUnguarded();
  --nesting_;
  return operand;
}

Grammar::Result Grammar::ParseOperandUnguarded() {
  switch (Next().kind) {
    case TokenKind::kNumber:
      return ParseNumber();
    case TokenKind::kLetters:
    case TokenKind::kWords:
      return ParseSymbol();
    case TokenKind::kFraction:
      return ParseFraction();
    case TokenKind::kGroupOpen:
      return ParseGroup();
    case TokenKind::kOpen:
      return ParseBrackets();
    case TokenKind::kPlus:
      ++at_;
      return ParseExpression(kSign);
    case TokenKind::kMinus: {
      ++at_;
      MASPO_ASSIGN_OR_RETURN(Expression operand, ParseExpression(kSign));
      return Expression::Of(Kind::kNegate, std::move(operand));
    }
    default:
      return NotInTheGrammar();
  }
}

Grammar::Result Grammar::ParseNumber() {
  MASPO_ASSIGN_OR_RETURN(Expression number, NumberOf(tokens_[at_++].text));
  if (Take(TokenKind::kSubscript)) {  // The base: written for the reader, not compared.
    MASPO_RETURN_IF_ERROR(ParseArgument().status());
    return number;
  }
  if (number.is_decimal || !At(TokenKind::kFraction)) return number;
  MASPO_ASSIGN_OR_RETURN(Expression fraction, ParseFraction());
  const bool mixed = fraction.parts[0].kind == Kind::kNumber && fraction.parts[1].kind == Kind::kNumber;
  return Expression::Of(mixed ? Kind::kSum : Kind::kProduct, std::move(number), std::move(fraction));
}

Grammar::Result Grammar::ParseSymbol() {
  std::string name = tokens_[at_++].text;
  if (!Take(TokenKind::kSubscript)) return Expression::Symbol(std::move(name));
  const size_t begin = at_;
  MASPO_RETURN_IF_ERROR(ParseArgument().status());
  const std::vector<Token> subscript(tokens_.begin() + begin, tokens_.begin() + at_);
  return Expression::Symbol(absl::StrCat(name, "_", CanonicalText(subscript)));
}

Grammar::Result Grammar::ParseFraction() {
  ++at_;  // \frac
  MASPO_ASSIGN_OR_RETURN(Expression numerator, ParseFractionArgument());
  MASPO_ASSIGN_OR_RETURN(Expression denominator, ParseFractionArgument());
  return Expression::Of(Kind::kQuotient, std::move(numerator), std::move(denominator));
}

Grammar::Result Grammar::ParseFractionArgument() {
  if (!At(TokenKind::kNumber) || Next().text.size() == 1) return ParseArgument();
  std::string& digits = tokens_[at_].text;
  std::string first = digits.substr(0, 1);
  digits.erase(0, 1);  // The rest is the next argument, or the next factor.
  return NumberOf(std::move(first));
}

Grammar::Result Grammar::ParseArgument() {
  const bool negative = Take(TokenKind::kMinus);
  Result operand = NotInTheGrammar();
  switch (Next().kind) {
    case TokenKind::kNumber:
      operand = NumberOf(tokens_[at_++].text);
      break;
    case TokenKind::kLetters:
      operand = Expression::Symbol(tokens_[at_++].text);
      break;
    case TokenKind::kWords:
    case TokenKind::kFraction:
    case TokenKind::kGroupOpen:
    case TokenKind::kOpen:
      operand = ParseOperand();
      break;
    default:
      break;
  }
  if (!operand.ok() || !negative) return operand;
  return Expression::Of(Kind::kNegate, *std::move(operand));
}

Grammar::Result Grammar::ParseGroup() {
  ++at_;  // {
  MASPO_ASSIGN_OR_RETURN(Expression inner, ParseList());
  if (!Take(TokenKind::kGroupClose)) return NotInTheGrammar();
  return inner;
}

Grammar::Result Grammar::ParseBrackets() {
  const std::string open = tokens_[at_++].text;
  std::vector<Expression> items;
  if (!At(TokenKind::kClose)) {
    MASPO_ASSIGN_OR_RETURN(Expression inner, ParseList());
    if (inner.kind == Kind::kList) {
      items = std::move(inner.parts);
    } else {
      items.push_back(std::move(inner));
    }
  }
  if (!At(TokenKind::kClose)) return NotInTheGrammar();
  const std::string close = tokens_[at_++].text;
  const bool is_set = open == "\\{";
  if (is_set != (close == "\\}")) return NotInTheGrammar();
  if (is_set) return Expression::Of(Kind::kSet, std::move(items));
  if (items.empty()) return NotInTheGrammar();
  if (open == "(" && close == ")" && items.size() == 1) return std::move(items[0]);
  return Expression::Of(Kind::kTuple, std::move(items), open + close);
}

}  // namespace maspo
