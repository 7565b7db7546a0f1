#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "reward_server/limits.h"
#include "reward_server/verification/grammar.h"
#include "services/base/status_macros.h"

namespace maspo {

using TokenKind = Token::Kind;

namespace {

Grammar::Result NumberOf(std::string_view digits) {
  Rational value;
  if (ParseDecimal(digits, value) != Exactness::kExact)
    return absl::ResourceExhaustedError("a number with too many digits");
  return Expression::Number(std::move(value), digits.find_first_of(".E") != std::string_view::npos);
}

// A letter in the one case that names have, so that X and x are one variable.
std::string NameOf(std::string_view text) { return absl::AsciiStrToLower(absl::string_view(text.data(), text.size())); }

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
    case TokenKind::kRepeating:
      return ParseRepeating();
    case TokenKind::kLetter:
    case TokenKind::kConstant:
    case TokenKind::kWord:
    case TokenKind::kAccent:
      return ParseSymbol();
    case TokenKind::kFraction:
      return AtDerivative() ? ParseDerivative() : ParseFraction();
    case TokenKind::kBinomial:
      return ParseBinomial();
    case TokenKind::kRoot:
      return ParseRoot();
    case TokenKind::kOpen:
      return ParseBrackets();
    case TokenKind::kBar:
      return ParseBar();
    case TokenKind::kMatrixBegin:
      return ParseMatrix();
    case TokenKind::kFunction:
      return ParseFunction();
    case TokenKind::kBigOperator:
      return ParseBigOperator();
    case TokenKind::kNamedSet:
      return Expression::Of(Kind::kNamedSet, std::vector<Expression>(), tokens_[at_++].text);
    case TokenKind::kEmptySet:
      ++at_;
      return Expression::Of(Kind::kSet, std::vector<Expression>());
    default:
      return NotInTheGrammar();
  }
}

Grammar::Result Grammar::ParseNumber() {
  MASPO_ASSIGN_OR_RETURN(Expression number, NumberOf(tokens_[at_++].text));
  if (At(TokenKind::kSubscript)) {  // The base: written for the reader, not compared.
    MASPO_RETURN_IF_ERROR(TakeSubscript().status());
  }
  return number;
}

// 0.1(6) = (0.16 - 0.1) * 10/9 + 0.1, exactly.
Grammar::Result Grammar::ParseRepeating() {
  const std::string text = tokens_[at_++].text;
  const size_t open = text.find('(');
  const std::string fixed = text.substr(0, open), repetend = text.substr(open + 1, text.size() - open - 2);
  Rational begin, once, scale, value;
  const bool fits = ParseDecimal(fixed, begin) == Exactness::kExact &&
                    ParseDecimal(fixed + repetend, once) == Exactness::kExact &&
                    ParseDecimal("1E" + std::to_string(repetend.size()), scale) == Exactness::kExact;
  // value = begin + (once - begin) / (1 - 1/scale)
  Rational shrunk;
  if (!fits || Divide(Rational(1), scale, shrunk) != Exactness::kExact ||
      Add(Rational(1), shrunk.Negated(), shrunk) != Exactness::kExact ||
      Add(once, begin.Negated(), value) != Exactness::kExact || Divide(value, shrunk, value) != Exactness::kExact ||
      Add(value, begin, value) != Exactness::kExact) {
    return absl::ResourceExhaustedError("a number with too many digits");
  }
  return Expression::Number(std::move(value));
}

Grammar::Result Grammar::ParseSymbol() {
  const Token token = tokens_[at_++];
  std::string name = NameOf(token.text);
  bool is_constant = token.kind == TokenKind::kConstant;
  if (At(TokenKind::kSubscript)) {
    MASPO_ASSIGN_OR_RETURN(const std::string subscript, TakeSubscript());
    absl::StrAppend(&name, "_", subscript);
    is_constant = false;
  }
  if (!is_constant && AtApplication()) {
    // P and E keep their case: probabilities and expectations.
    const bool is_statement = token.text == "P" || token.text == "E";
    MASPO_ASSIGN_OR_RETURN(Expression arguments, ParseBrackets());
    std::vector<Expression> parts;
    if (arguments.Is(Kind::kTuple)) {
      parts = std::move(arguments.parts);
    } else {
      parts.push_back(std::move(arguments));
    }
    return Expression::Function(is_statement ? token.text : name + "()", std::move(parts));
  }
  return is_constant ? Expression::Constant(token.text) : Expression::Symbol(std::move(name));
}

// The subscript as a text: x_1 and x_{1} are one name.
absl::StatusOr<std::string> Grammar::TakeSubscript() {
  ++at_;  // _
  std::string text;
  if (!At(TokenKind::kOpen, "{")) {
    if (At(TokenKind::kEnd)) return NotInTheGrammar();
    return NameOf(tokens_[at_++].text);
  }
  int depth = 0;
  do {
    if (At(TokenKind::kEnd)) return NotInTheGrammar();
    depth += At(TokenKind::kOpen, "{") - At(TokenKind::kClose, "{");
    const Token& token = tokens_[at_++];
    if (token.kind == TokenKind::kOpen || token.kind == TokenKind::kClose) continue;
    const bool is_sign = token.text.empty();
    absl::StrAppend(&text, is_sign ? std::to_string(static_cast<int>(token.kind)) + "." : NameOf(token.text));
  } while (depth > 0);
  return text;
}

Grammar::Result Grammar::ParseFraction() {
  ++at_;  // \frac
  MASPO_ASSIGN_OR_RETURN(Expression numerator, ParseArgument(/*single_digit=*/true));
  MASPO_ASSIGN_OR_RETURN(Expression denominator, ParseArgument(/*single_digit=*/false));
  const auto is_whole = [](const Expression& e) {
    return e.Is(Kind::kNumber) && !e.is_decimal && e.value.is_integer();
  };
  if (is_whole(numerator) && is_whole(denominator) && !denominator.value.is_zero()) {
    Rational value;
    if (Divide(numerator.value, denominator.value, value) == Exactness::kExact)
      return Expression::Number(std::move(value));
  }
  return Expression::Of(Kind::kQuotient, std::move(numerator), std::move(denominator));
}

Grammar::Result Grammar::ParseRoot() {
  ++at_;  // \sqrt
  Expression degree = Expression::Number(Rational(2));
  if (Take(TokenKind::kOpen, "[")) {
    MASPO_ASSIGN_OR_RETURN(degree, ParseExpression(kNone));
    if (!Take(TokenKind::kClose, "[")) return NotInTheGrammar();
  }
  MASPO_ASSIGN_OR_RETURN(Expression radicand, ParseArgument(/*single_digit=*/true));
  std::vector<Expression> parts;
  parts.push_back(std::move(radicand));
  parts.push_back(std::move(degree));
  return Expression::Function("root", std::move(parts));
}

Grammar::Result Grammar::ParseBinomial() {
  ++at_;  // \binom
  std::vector<Expression> parts;
  for (int i = 0; i < 2; ++i) {
    MASPO_ASSIGN_OR_RETURN(Expression part, ParseArgument(/*single_digit=*/true));
    parts.push_back(std::move(part));
  }
  return Expression::Function("binomial", std::move(parts));
}

// A group; or, as a repair, what TeX would take: \frac79 is 7/9. Of several digits a numerator or radicand is the
// first, a denominator all: \frac123 is 1/23.
Grammar::Result Grammar::ParseArgument(bool single_digit) {
  if (At(TokenKind::kOpen, "{")) return ParseOperand();
  if (!options_.repair_malformed) return NotInTheGrammar();
  if (!At(TokenKind::kNumber)) {
    const bool is_one_token = At(TokenKind::kLetter) || At(TokenKind::kConstant);
    if (!is_one_token) return ParseOperand();
    const Token token = tokens_[at_++];
    return token.kind == TokenKind::kLetter ? Expression::Symbol(NameOf(token.text)) : Expression::Constant(token.text);
  }
  std::string& digits = tokens_[at_].text;
  const bool splits = single_digit && digits.size() > 1 && digits.find_first_of(".E") == std::string::npos;
  if (!splits) return NumberOf(tokens_[at_++].text);
  const std::string first = digits.substr(0, 1);
  digits.erase(0, 1);
  return NumberOf(first);
}

// Of ^: a group, or one token with its sign; 2^10 is 1024.
Grammar::Result Grammar::ParseExponent() {
  if (Take(TokenKind::kMinus)) {
    MASPO_ASSIGN_OR_RETURN(Expression exponent, ParseExponent());
    return Expression::Negated(std::move(exponent));
  }
  if (At(TokenKind::kLetter) || At(TokenKind::kConstant)) {
    const Token token = tokens_[at_++];
    return token.kind == TokenKind::kLetter ? Expression::Symbol(NameOf(token.text)) : Expression::Constant(token.text);
  }
  if (At(TokenKind::kOpen, "(") && !options_.repair_malformed) return NotInTheGrammar();
  return ParseOperand();
}

// |x|, |x - |y||; \|v\| is the same of a number.
Grammar::Result Grammar::ParseBar() {
  const std::string bar = tokens_[at_++].text;
  ++open_bars_;
  Result inner = ParseExpression(kNone);
  --open_bars_;
  if (!inner.ok()) return inner;
  if (!Take(TokenKind::kBar, bar)) return NotInTheGrammar();
  return Expression::Function("abs", std::vector<Expression>(1, *std::move(inner)));
}

Grammar::Result Grammar::ParseMatrix() {
  const std::string type = tokens_[at_++].text;
  Expression matrix = Expression::Of(Kind::kMatrix, std::vector<Expression>());
  for (int row_length = 0; !At(TokenKind::kMatrixEnd);) {
    if (matrix.parts.size() >= limits::kItems) return absl::ResourceExhaustedError("the matrix has too many elements");
    MASPO_ASSIGN_OR_RETURN(Expression element, ParseExpression(kNone));
    matrix.parts.push_back(std::move(element));
    ++row_length;
    if (Take(TokenKind::kCell)) continue;
    if (matrix.columns == 0) matrix.columns = row_length;
    if (matrix.columns != row_length || (!Take(TokenKind::kRow) && !At(TokenKind::kMatrixEnd)))
      return NotInTheGrammar();
    row_length = 0;
  }
  if (!Take(TokenKind::kMatrixEnd, type) || matrix.columns == 0) return NotInTheGrammar();
  if (type == "vmatrix") return Expression::Function("det", std::vector<Expression>(1, std::move(matrix)));
  return matrix;
}

}  // namespace maspo
