#include <utility>

#include "reward_server/limits.h"
#include "reward_server/verification/grammar.h"
#include "services/base/status_macros.h"

namespace maspo {

using TokenKind = Token::Kind;

namespace {

// sin^{-1} is arcsin.
std::string InverseOf(const std::string& name) {
  const bool is_circular =
      name == "sin" || name == "cos" || name == "tan" || name == "csc" || name == "sec" || name == "cot";
  if (is_circular) return "arc" + name;
  return name == "sinh" || name == "cosh" || name == "tanh" ? "ar" + name : "";
}

std::vector<Expression> Two(Expression a, Expression b) {
  std::vector<Expression> parts;
  parts.push_back(std::move(a));
  parts.push_back(std::move(b));
  return parts;
}

Expression Applied(const std::string& name, Expression base, Expression argument) {
  if (name == "deg") return argument;
  if (name == "exp") return Expression::Of(Expression::Kind::kPower, Expression::Constant("e"), std::move(argument));
  if (name == "log") return Expression::Function(name, Two(std::move(argument), std::move(base)));
  if (name == "ln") return Expression::Function("log", Two(std::move(argument), Expression::Constant("e")));
  if (name == "lg") return Expression::Function("log", Two(std::move(argument), Expression::Number(Rational(10))));
  return Expression::Function(name, std::vector<Expression>(1, std::move(argument)));
}

}  // namespace

// f(x), f(x, y): a letter before parentheses with a single thing or a list in them is a function, before a sum a
// factor.
bool Grammar::AtApplication() const {
  if (!At(TokenKind::kOpen, "(")) return false;
  int depth = 0;
  for (size_t i = 0; i < tokens_.size() - at_; ++i) {
    const Token& token = Next(i);
    if (token.kind == TokenKind::kOpen) ++depth;
    if (token.kind == TokenKind::kClose && --depth == 0) {
      const bool has_one_token = i == 2 && (Next(1).kind == TokenKind::kNumber || Next(1).kind == TokenKind::kLetter ||
                                            Next(1).kind == TokenKind::kConstant || Next(1).kind == TokenKind::kWord);
      const bool has_subscripted =
          i == 4 && Next(1).kind == TokenKind::kLetter && Next(2).kind == TokenKind::kSubscript;
      return has_one_token || has_subscripted;
    }
    if (token.kind == TokenKind::kEnd) return false;
    if (depth == 1 && (token.kind == TokenKind::kComma || token.kind == TokenKind::kRelation)) return true;
  }
  return false;
}

Grammar::Result Grammar::ParseFunction() {
  std::string name = tokens_[at_++].text;
  if (name == "gcd" || name == "lcm" || name == "max" || name == "min") return ParseManyArguments(name);
  Expression base = Expression::Number(Rational(10));
  Expression exponent = Expression::Number(Rational(1));
  bool has_exponent = false;
  for (int i = 0; i < 2; ++i) {
    if (At(TokenKind::kSubscript)) {
      ++at_;
      const bool digits_follow = At(TokenKind::kNumber) && BeginsOperand(1);
      MASPO_ASSIGN_OR_RETURN(base, ParseArgument(/*single_digit=*/!digits_follow));
    } else if (Take(TokenKind::kPower)) {
      MASPO_ASSIGN_OR_RETURN(exponent, ParseExponent());
      has_exponent = true;
    }
  }
  const std::string inverse = InverseOf(name);
  if (has_exponent && !inverse.empty() && exponent.Is(Kind::kNumber) && exponent.value == Rational(-1)) {
    name = inverse;
    has_exponent = false;
  }
  ++open_functions_;
  Result argument = ParseFunctionArgument();
  --open_functions_;
  if (!argument.ok()) return argument;
  Expression value = Applied(name, std::move(base), *std::move(argument));
  if (!has_exponent) return value;
  return Expression::Of(Kind::kPower, std::move(value), std::move(exponent));
}

// \sin 2x takes the whole product, up to the next function; \sin(2)x only the parentheses.
Grammar::Result Grammar::ParseFunctionArgument() {
  if (At(TokenKind::kOpen, "(")) return ParseOperand();
  const bool stops = std::exchange(stops_at_function_, true);
  const Binding sum = kSum;
  Result argument = NotInTheGrammar();
  if (At(TokenKind::kFunction)) {  // \sin \cos x
    argument = ParseOperand();
  } else {
    argument = ParseExpression(sum);
  }
  stops_at_function_ = stops;
  return argument;
}

// \gcd(18, 24), \max\{2, 9\}
Grammar::Result Grammar::ParseManyArguments(const std::string& name) {
  if (!At(TokenKind::kOpen)) return NotInTheGrammar();
  MASPO_ASSIGN_OR_RETURN(Expression arguments, ParseOperand());
  const bool is_collection = IsSetLike(arguments);
  if (!is_collection) return Expression::Function(name, std::vector<Expression>(1, std::move(arguments)));
  return Expression::Function(name, std::move(arguments.parts));
}

Grammar::Result Grammar::ParseBigOperator() {
  const std::string name = tokens_[at_++].text;
  if (name == "int") return ParseIntegral();
  if (name == "lim") return ParseLimit();
  return ParseSumOrProduct(name);
}

// \sum_{k=1}^{n} term; the term is a product.
Grammar::Result Grammar::ParseSumOrProduct(const std::string& name) {
  Expression equation, to;
  bool has_equation = false, has_bound = false;
  for (int i = 0; i < 2; ++i) {
    if (Take(TokenKind::kSubscript)) {
      if (!Take(TokenKind::kOpen, "{")) return NotInTheGrammar();
      MASPO_ASSIGN_OR_RETURN(equation, ParseRelation());
      if (!Take(TokenKind::kClose, "{")) return NotInTheGrammar();
      has_equation = equation.Is(Kind::kRelation) && equation.text == "=";
    } else if (Take(TokenKind::kPower)) {
      MASPO_ASSIGN_OR_RETURN(to, ParseExponent());
      has_bound = true;
    }
  }
  if (!has_equation || !has_bound) return NotInTheGrammar();
  Expression variable = std::move(equation.parts[0]);
  if (variable.IsConstant("i")) variable = Expression::Symbol("i");  // \sum_{i=1}^n i
  if (!variable.Is(Kind::kSymbol)) return NotInTheGrammar();
  MASPO_ASSIGN_OR_RETURN(Expression term, ParseExpression(kSum));
  if (variable.text == "i") ReplaceImaginaryUnit(term);
  std::vector<Expression> parts = Two(std::move(variable), std::move(equation.parts[1]));
  parts.push_back(std::move(to));
  parts.push_back(std::move(term));
  return Expression::Function(name, std::move(parts));
}

void Grammar::ReplaceImaginaryUnit(Expression& term) {
  if (term.IsConstant("i")) term = Expression::Symbol("i");
  for (Expression& part : term.parts) ReplaceImaginaryUnit(part);
}

// \int_a^b f(x) dx: the last two tokens before the end of the product are d and the variable.
Grammar::Result Grammar::ParseIntegral() {
  std::vector<Expression> bounds(2);
  int num_bounds = 0;
  for (int i = 0; i < 2; ++i) {
    const bool is_lower = At(TokenKind::kSubscript);
    if (!is_lower && !At(TokenKind::kPower)) break;
    ++at_;
    MASPO_ASSIGN_OR_RETURN(bounds[is_lower ? 0 : 1], ParseExponent());
    ++num_bounds;
  }
  size_t d = at_;
  while (d < tokens_.size() &&
         !(tokens_[d].text == "d" && d + 1 < tokens_.size() && tokens_[d + 1].kind == TokenKind::kLetter))
    ++d;
  if (num_bounds != 2 || d >= tokens_.size()) return NotInTheGrammar();
  const std::string variable = tokens_[d + 1].text;
  tokens_[d].kind = TokenKind::kComma;  // Ends the integrand.
  Expression integrand = Expression::Number(Rational(1));
  if (d > at_) {
    MASPO_ASSIGN_OR_RETURN(integrand, ParseExpression(kNone));
  }
  if (at_ != d) return NotInTheGrammar();
  at_ = d + 2;
  std::vector<Expression> parts = Two(Expression::Symbol(variable), std::move(bounds[0]));
  parts.push_back(std::move(bounds[1]));
  parts.push_back(std::move(integrand));
  return Expression::Function("int", std::move(parts));
}

// \lim_{x \to 0^+} term
Grammar::Result Grammar::ParseLimit() {
  if (!Take(TokenKind::kSubscript) || !Take(TokenKind::kOpen, "{")) return NotInTheGrammar();
  if (!At(TokenKind::kLetter)) return NotInTheGrammar();
  Expression variable = Expression::Symbol(tokens_[at_++].text);
  if (!Take(TokenKind::kTo)) return NotInTheGrammar();
  std::string name = "lim";
  for (size_t i = at_; i + 1 < tokens_.size() && tokens_[i].kind != TokenKind::kClose; ++i) {
    if (tokens_[i].kind != TokenKind::kPower) continue;
    const size_t sign = tokens_[i + 1].kind == TokenKind::kOpen ? i + 2 : i + 1;
    if (sign + 1 >= tokens_.size()) break;
    const bool plus = tokens_[sign].kind == TokenKind::kPlus, minus = tokens_[sign].kind == TokenKind::kMinus;
    const bool is_last = tokens_[sign + 1].kind == TokenKind::kClose;
    if ((!plus && !minus) || !is_last) continue;
    name += plus ? "+" : "-";
    tokens_.erase(tokens_.begin() + i, tokens_.begin() + sign + (sign == i + 2 ? 2 : 1));
    break;
  }
  MASPO_ASSIGN_OR_RETURN(Expression target, ParseExpression(kNone));
  if (!Take(TokenKind::kClose, "{")) return NotInTheGrammar();
  MASPO_ASSIGN_OR_RETURN(Expression term, ParseExpression(kSum));
  std::vector<Expression> parts = Two(std::move(variable), std::move(target));
  parts.push_back(std::move(term));
  return Expression::Function(name, std::move(parts));
}

// \frac{d}{dx}
bool Grammar::AtDerivative() const {
  return Next(1).text == "{" && Next(2).text == "d" && Next(3).text == "{" && Next(4).text == "{" &&
         Next(5).text == "d" && Next(6).kind == TokenKind::kLetter && Next(7).text == "{";
}

Grammar::Result Grammar::ParseDerivative() {
  Expression variable = Expression::Symbol(Next(6).text);
  at_ += 8;
  MASPO_ASSIGN_OR_RETURN(Expression term, ParseExpression(kSum));
  return Expression::Function("diff", Two(std::move(variable), std::move(term)));
}

}  // namespace maspo
