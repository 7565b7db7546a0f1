#include "reward_server/verification/expression.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "reward_server/verification/functions.h"

namespace maspo {

using Kind = Expression::Kind;

Expression Expression::Number(Rational value, bool is_decimal) {
  Expression number;
  number.kind = Kind::kNumber;
  number.value = std::move(value);
  number.is_decimal = is_decimal;
  return number;
}

Expression Expression::Symbol(std::string name) {
  Expression symbol;
  symbol.text = std::move(name);
  return symbol;
}

Expression Expression::Constant(std::string_view name) { return Of(Kind::kConstant, std::vector<Expression>(), name); }

Expression Expression::Function(std::string_view name, std::vector<Expression> arguments) {
  return Of(Kind::kFunction, std::move(arguments), name);
}

Expression Expression::Of(Kind kind, std::vector<Expression> parts, std::string_view text) {
  Expression e;
  e.kind = kind;
  e.text = std::string(text);
  e.parts = std::move(parts);
  return e;
}

Expression Expression::Of(Kind kind, Expression operand, std::string_view text) {
  Expression e = Of(kind, std::vector<Expression>(), text);
  e.parts.push_back(std::move(operand));
  return e;
}

Expression Expression::Of(Kind kind, Expression left, Expression right, std::string_view text) {
  Expression e = Of(kind, std::vector<Expression>(), text);
  e.parts.reserve(2);
  e.parts.push_back(std::move(left));
  e.parts.push_back(std::move(right));
  return e;
}

Expression Expression::Flat(Kind kind, Expression left, Expression right) {
  if (left.kind == kind) {
    if (right.kind == kind) {
      std::move(right.parts.begin(), right.parts.end(), std::back_inserter(left.parts));
    } else {
      left.parts.push_back(std::move(right));
    }
    return left;
  }
  if (right.kind == kind) {
    right.parts.insert(right.parts.begin(), std::move(left));
    return right;
  }
  return Of(kind, std::move(left), std::move(right));
}

Expression Expression::Negated(Expression operand) {
  if (operand.Is(Kind::kNumber)) {
    operand.value = operand.value.Negated();
    return operand;
  }
  return Of(Kind::kNegate, std::move(operand));
}

bool IsBareDecimal(const Expression& e) {
  if (e.Is(Kind::kPercent)) return IsBareDecimal(e.parts[0]);
  return e.Is(Kind::kNumber) && e.is_decimal;
}

bool IsRelation(const Expression& e) { return e.Is(Kind::kRelation) || e.Is(Kind::kChain); }

bool IsEquation(const Expression& e) {
  if (e.Is(Kind::kRelation)) return e.text == "=";
  return e.Is(Kind::kChain) && std::all_of(e.parts.begin(), e.parts.end(), IsEquation);
}

bool IsAssignment(const Expression& e) { return IsEquation(e) && IsMadeOfSymbols(FirstRelation(e).parts[0]); }

const Expression& FirstRelation(const Expression& relation) {
  return relation.Is(Kind::kChain) ? relation.parts.front() : relation;
}

const Expression& LastRelation(const Expression& relation) {
  return relation.Is(Kind::kChain) ? relation.parts.back() : relation;
}

bool IsFiniteList(const Expression& e) { return e.Is(Kind::kList) || e.Is(Kind::kSet); }

bool IsInterval(const Expression& e) { return e.Is(Kind::kTuple) && e.parts.size() == 2; }

bool IsSetLike(const Expression& e) {
  switch (e.kind) {
    case Kind::kList:
    case Kind::kSet:
    case Kind::kTuple:
    case Kind::kUnion:
    case Kind::kIntersection:
    case Kind::kDifference:
    case Kind::kNamedSet:
    case Kind::kSetBuilder:
      return true;
    default:
      return false;
  }
}

bool IsMadeOfSymbols(const Expression& e) {
  if (e.Is(Kind::kSymbol)) return true;
  if (e.IsConstant("i") || e.IsConstant("e")) return true;  // Names of points and events more often than numbers.
  if (e.IsFunction("P") || e.IsFunction("E")) return true;  // A statement of probability: P(X > 2).
  return !e.parts.empty() && std::all_of(e.parts.begin(), e.parts.end(), IsMadeOfSymbols);
}

bool SameTree(const Expression& a, const Expression& b) {
  return a.kind == b.kind && a.is_decimal == b.is_decimal && a.columns == b.columns && a.text == b.text &&
         a.value == b.value && std::equal(a.parts.begin(), a.parts.end(), b.parts.begin(), b.parts.end(), SameTree);
}

namespace {

bool AppendLetters(const Expression& e, std::string& letters) {
  if (e.Is(Kind::kProduct)) {
    return std::all_of(e.parts.begin(), e.parts.end(),
                       [&](const Expression& part) { return AppendLetters(part, letters); });
  }
  if (!e.Is(Kind::kSymbol) && !e.IsConstant("e") && !e.IsConstant("i")) return false;
  for (const char c : e.text) letters += absl::ascii_tolower(c);
  return true;
}

void CollectSymbols(const Expression& e, std::vector<std::string>& bound, std::vector<std::string>& names) {
  if (e.Is(Kind::kSymbol)) {
    if (std::find(bound.begin(), bound.end(), e.text) == bound.end()) names.push_back(e.text);
    return;
  }
  const bool binds = BindsFirstArgument(e);
  if (binds) bound.push_back(e.parts[0].text);
  for (const Expression& part : e.parts) CollectSymbols(part, bound, names);
  if (binds) bound.pop_back();
}

}  // namespace

std::string LettersOf(const Expression& e) {
  std::string letters;
  return AppendLetters(e, letters) ? letters : "";
}

std::vector<std::string> FreeSymbols(const Expression& e) {
  std::vector<std::string> bound, names;
  CollectSymbols(e, bound, names);
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

void Substitute(Expression& e, const std::string& name, const Expression& replacement) {
  if (e.Is(Kind::kSymbol) && e.text == name) {
    e = replacement;
    return;
  }
  if (BindsFirstArgument(e) && e.parts[0].text == name) return;
  for (Expression& part : e.parts) Substitute(part, name, replacement);
}

}  // namespace maspo
