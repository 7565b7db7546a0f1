#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "reward_server/verification/expression.h"
#include "reward_server/verification/latex_lexer.h"
#include "reward_server/work_budget.h"

namespace maspo {

// Reads the tokens of an answer by recursive descent, and operators by precedence (Pratt): one prefix rule and one
// infix rule for each kind of token. To teach it something new, add the token's rule to ParseOperand() or to
// BindingOfNext() and ParseInfix().
//
// Each rule takes its tokens and returns the tree. InvalidArgument: the tokens do not fit the rule. ResourceExhausted:
// beyond the limits. DeadlineExceeded: the budget is spent. Used once.
class Grammar {
 public:
  struct Options {
    bool repair_malformed = true;  // Arguments without braces: \frac79, \sqrt7, x^(12).
  };
  Grammar(std::vector<Token> tokens, const Options& options, WorkBudget& budget)
      : tokens_(std::move(tokens)), options_(options), budget_(budget) {}

  using Result = absl::StatusOr<Expression>;
  Result ParseAnswer();  // The whole text.

 private:
  using Kind = Expression::Kind;
  // How tightly an operator binds its left side.
  enum Binding {
    kNone = 0,
    kChoose = 2,
    kDifference = 4,
    kUnion = 5,
    kIntersection = 6,
    kSum = 10,
    kProduct = 20,
    kImplicitProduct = 30,
    kPower = 40,
    kPostfix = 50
  };

  // grammar_lists.cc
  struct Items {
    std::vector<Expression> members;
    bool has_groups = false;  // Semicolons made tuples of the commas between them.
  };
  absl::StatusOr<Items> ParseItems();  // element (separator element)*, up to a closing bracket or the end.
  absl::StatusOr<std::vector<Expression>> ParseCommaItems();
  Result ParseBrackets();  // (a)  (a, b)  [a, b)  \{a, b\}  {a}
  void MarkCondition();
  Result ParseSetBuilder(Expression variable);

  // grammar_relations.cc
  Result ParseRelation();  // side (relation side)*
  Result ParseSide();      // words | expression unit
  Result ParseMembership(Expression left, bool is_in);

  // grammar_operators.cc
  Result ParseExpression(Binding looser);  // Takes every operator that binds tighter than `looser`.
  Binding BindingOfNext() const;
  bool BeginsOperand(size_t ahead) const;
  Result ParseInfix(Expression left, Binding binding);
  Result ParsePostfix(Expression left);
  Result ParseImplicitProduct(Expression left);

  // grammar_operands.cc
  Result ParseOperand();
  Result ParseOperandUnguarded();
  Result ParseNumber();
  Result ParseRepeating();
  Result ParseSymbol();  // x, x_1, f(x)
  Result ParseFraction();
  Result ParseRoot();
  Result ParseBinomial();
  Result ParseBar();
  Result ParseMatrix();
  Result ParseArgument(bool single_digit);  // A group, or without braces one token.
  Result ParseExponent();
  absl::StatusOr<std::string> TakeSubscript();

  // grammar_functions.cc
  Result ParseFunction();          // \sin^2 x, \log_2 8, \gcd(18, 24)
  Result ParseFunctionArgument();  // (x), or the product up to the next function.
  Result ParseManyArguments(const std::string& name);
  Result ParseBigOperator();  // \sum, \prod, \int, \lim
  Result ParseSumOrProduct(const std::string& name);
  static void ReplaceImaginaryUnit(Expression& term);
  Result ParseIntegral();
  Result ParseLimit();
  Result ParseDerivative();  // \frac{d}{dx}
  bool AtDerivative() const;
  bool AtApplication() const;  // ( of f(x), of f(x, y)

  const Token& Next(size_t ahead = 0) const { return tokens_[std::min(at_ + ahead, tokens_.size() - 1)]; }
  bool At(Token::Kind kind) const { return Next().kind == kind; }
  bool At(Token::Kind kind, std::string_view text) const { return At(kind) && Next().text == text; }
  bool AtEndOfList() const { return At(Token::Kind::kEnd) || At(Token::Kind::kClose) || At(Token::Kind::kMid); }
  bool Take(Token::Kind kind) {
    if (!At(kind)) return false;
    ++at_;
    return true;
  }
  bool Take(Token::Kind kind, std::string_view text) { return At(kind, text) && Take(kind); }

  std::vector<Token> tokens_;  // Ends with kEnd.
  const Options options_;
  WorkBudget& budget_;
  size_t at_ = 0;
  int nesting_ = 0;                 // Operands inside one another.
  int chained_ = 0;                 // Operators whose left side is one more operator: a/b/c, a^b^c, 3!!.
  int open_bars_ = 0;               // |...| being read, in the innermost bracket.
  bool stops_at_function_ = false;  // The argument of a function without parentheses is being read.
  int open_functions_ = 0;          // Degree marks convert in arguments of functions of angles.
};

inline absl::Status NotInTheGrammar() { return absl::InvalidArgumentError("not in the grammar"); }

}  // namespace maspo
