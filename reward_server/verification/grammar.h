#pragma once

#include <algorithm>
#include <string>
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
  Grammar(std::vector<Token> tokens, WorkBudget& budget) : tokens_(std::move(tokens)), budget_(budget) {}

  using Result = absl::StatusOr<Expression>;
  Result ParseAnswer();  // The whole text.

 private:
  // How tightly an operator binds its left side.
  enum Binding { kNone = 0, kSum = 10, kProduct = 20, kSign = 25, kImplicitProduct = 30, kPower = 40, kPostfix = 50 };

  // grammar_items.cc
  Result ParseList();  // item (separator item)*, up to a closing bracket or the end, which is not taken.
  Result ParseItem();  // side (= side)*
  Result ParseSide();  // words | expression units
  absl::Status SkipUnits();
  size_t CountWords() const;
  Expression TakeWords(size_t count);

  // grammar_operators.cc
  Result ParseExpression(Binding looser);  // Takes every operator that binds tighter than `looser`.
  Binding BindingOfNext() const;
  Result ParseInfix(Expression left, Binding binding);

  // grammar_operands.cc
  Result ParseOperand();
  Result ParseOperandUnguarded();
  Result ParseNumber();            // 12, 0.5, 1011_2, 2\frac{1}{4}
  Result ParseSymbol();            // x, x_1, \text{width}
  Result ParseFraction();          // \frac and two arguments.
  Result ParseFractionArgument();  // As TeX reads \frac79: a group, or a single digit.
  Result ParseArgument();          // Of ^ and _: a group, or one operand with its sign.
  Result ParseGroup();             // { list }
  Result ParseBrackets();          // (a)  (a, b)  [a, b)  \{a, b\}  \{\}

  const Token& Next(size_t ahead = 0) const { return tokens_[std::min(at_ + ahead, tokens_.size() - 1)]; }
  bool At(Token::Kind kind) const { return Next().kind == kind; }
  bool AtEndOfList() const;
  bool Take(Token::Kind kind) {
    if (!At(kind)) return false;
    ++at_;
    return true;
  }

  std::vector<Token> tokens_;  // Ends with kEnd.
  WorkBudget& budget_;
  size_t at_ = 0;
  int nesting_ = 0;  // Operands inside one another.
};

inline absl::Status NotInTheGrammar() { return absl::InvalidArgumentError("not in the grammar"); }

}  // namespace maspo
