#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "reward_server/verification/rational.h"

namespace maspo {

// An answer as a tree. A value type. Its depth is bounded by limits::kNesting and its size by limits::kTokens, so that
// recursion over it is safe.
//
//   -1\frac{2}{3}      kNumber -5/3
//   x = 3, y = 2\pi    kList( kRelation "="(x, 3), kRelation "="(y, kProduct(2, pi)) )
struct Expression {
  enum class Kind {
    // Numbers and functions of them.
    kNumber,     // value
    kSymbol,     // text: a variable or a word, lower-cased; "x_1" with a subscript.
    kConstant,   // text: "pi", "e", "i" or "infinity".
    kNegate,     // -a
    kSum,        // a + b + ...
    kProduct,    // a * b * ...
    kQuotient,   // a / b
    kPower,      // a ^ b
    kPercent,    // a %
    kFunction,   // text: "sin", "sqrt", "log", ... see functions.h, or a name of the author's own: f(x).
    kPlusMinus,  // text: "+" or "-", the upper sign. \pm b, a \pm b. Only while an answer is read.
    // Statements.
    kRelation,  // a = b; text: one of = != < <= > >=
    kChain,     // a = b = c, a < b < c: relations, each sharing a side with the next.
    // Collections.
    kList,          // a, b without brackets or in bare braces; at least two members.
    kSet,           // \{a, b\}
    kTuple,         // (a, b, c); text: its two brackets. With two members also an interval.
    kUnion,         // A \cup B
    kIntersection,  // A \cap B
    kDifference,    // A \setminus B
    kNamedSet,      // text: "R", "Z", "N", "Q", "C".
    kSetBuilder,    // \{x | condition\}: the condition.
    kMatrix,        // parts: its elements row by row; columns
  };

  Kind kind = Kind::kSymbol;
  bool is_decimal = false;  // kNumber: written with a point; compared after rounding.
  int columns = 0;          // kMatrix
  std::string text;
  Rational value;
  std::vector<Expression> parts;

  static Expression Number(Rational value, bool is_decimal = false);
  static Expression Symbol(std::string name);
  static Expression Constant(std::string_view name);
  static Expression Function(std::string_view name, std::vector<Expression> arguments);
  static Expression Of(Kind kind, std::vector<Expression> parts, std::string_view text = "");
  static Expression Of(Kind kind, Expression operand, std::string_view text = "");
  static Expression Of(Kind kind, Expression left, Expression right, std::string_view text = "");
  // a + b and a * b grow the node on the left or right instead of nesting.
  static Expression Flat(Kind kind, Expression left, Expression right);
  // -a; of a number, the number.
  static Expression Negated(Expression operand);

  bool Is(Kind k) const { return kind == k; }
  bool IsConstant(std::string_view name) const { return kind == Kind::kConstant && text == name; }
  bool IsFunction(std::string_view name) const { return kind == Kind::kFunction && text == name; }
};

// A decimal or a percentage of one: 0.5, -2.50, 12.5%.
bool IsBareDecimal(const Expression& e);

bool IsRelation(const Expression& e);  // Also a chain of them.
bool IsEquation(const Expression& e);  // Also a chain of equations.
// An equation whose first side is a name: x = 3, f(x) = 3, (x, y) = (1, 2), A:B = 3, |AB| = 3.
bool IsAssignment(const Expression& e);
const Expression& FirstRelation(const Expression& relation);
const Expression& LastRelation(const Expression& relation);

bool IsSetLike(const Expression& e);     // Anything that is compared as a collection.
bool IsFiniteList(const Expression& e);  // kList or kSet.
bool IsInterval(const Expression& e);    // A tuple of two members whose brackets may be those of an interval.

// Nothing but symbols below: x, f(x), (x, y), A:B.
bool IsMadeOfSymbols(const Expression& e);

// The same tree: the same parts in the same order, numbers by value.
bool SameTree(const Expression& a, const Expression& b);

// The letters of a word: "north" of a symbol, and of the product n*o*r*t*h. Empty: it is none.
std::string LettersOf(const Expression& e);

// The names of the variables, sorted; index variables of sums and integrals are none.
std::vector<std::string> FreeSymbols(const Expression& e);

// Puts `replacement` in place of the free symbol `name`.
void Substitute(Expression& e, const std::string& name, const Expression& replacement);

}  // namespace maspo
