#include <utility>

#include "reward_server/limits.h"
#include "reward_server/verification/grammar.h"
#include "reward_server/verification/plus_minus.h"
#include "services/base/status_macros.h"

namespace maspo {

using TokenKind = Token::Kind;

namespace {

// Elements of lists this deep may each have the whole depth of operators.
constexpr int kOuterNesting = 2;

bool IsListOfSymbols(const Expression& e) {
  if (e.Is(Expression::Kind::kTuple)) {
    return std::all_of(e.parts.begin(), e.parts.end(),
                       [](const auto& part) { return part.Is(Expression::Kind::kSymbol); });
  }
  return e.Is(Expression::Kind::kSymbol);
}

// x = 1, 2, 3: the names on the left stand for all members.
bool IsEquationOfList(const std::vector<Expression>& members) {
  if (members.size() < 2 || !members[0].Is(Expression::Kind::kRelation) || members[0].text != "=") return false;
  return IsListOfSymbols(members[0].parts[0]) && std::none_of(members.begin() + 1, members.end(), IsRelation);
}

Expression EquationOfList(std::vector<Expression> members) {
  Expression name = std::move(members[0].parts[0]);
  members[0] = Expression(std::move(members[0].parts[1]));
  return Expression::Of(Expression::Kind::kRelation, std::move(name),
                        Expression::Of(Expression::Kind::kList, std::move(members)), "=");
}

bool IsParenthesis(std::string_view bracket) { return bracket == "(" || bracket == "["; }

}  // namespace

Grammar::Result Grammar::ParseAnswer() {
  MASPO_ASSIGN_OR_RETURN(Items items, ParseItems());
  if (!At(TokenKind::kEnd)) return NotInTheGrammar();
  MASPO_ASSIGN_OR_RETURN(items.members, WithBothSigns(std::move(items.members)));
  if (items.members.size() == 1) return std::move(items.members[0]);
  if (IsEquationOfList(items.members)) return EquationOfList(std::move(items.members));
  return Expression::Of(Kind::kList, std::move(items.members));
}

absl::StatusOr<Grammar::Items> Grammar::ParseItems() {
  Items items;
  MASPO_ASSIGN_OR_RETURN(items.members, ParseCommaItems());
  if (!At(TokenKind::kSemicolon)) return items;
  std::vector<std::vector<Expression>> groups;
  groups.push_back(std::move(items.members));
  while (Take(TokenKind::kSemicolon)) {
    MASPO_ASSIGN_OR_RETURN(std::vector<Expression> group, ParseCommaItems());
    groups.push_back(std::move(group));
  }
  items.members.clear();
  for (const auto& group : groups) items.has_groups |= group.size() > 1;
  for (auto& group : groups) {
    if (items.has_groups) {
      items.members.push_back(Expression::Of(Kind::kTuple, std::move(group), "()"));
    } else {
      items.members.push_back(std::move(group[0]));
    }
  }
  return items;
}

absl::StatusOr<std::vector<Expression>> Grammar::ParseCommaItems() {
  std::vector<Expression> members;
  do {
    if (members.size() >= limits::kItems) return absl::ResourceExhaustedError("the list has too many members");
    if (nesting_ <= kOuterNesting) chained_ = 0;
    MASPO_ASSIGN_OR_RETURN(Expression element, ParseRelation());
    members.push_back(std::move(element));
  } while (Take(TokenKind::kComma));
  return members;
}

Grammar::Result Grammar::ParseBrackets() {
  const std::string open = tokens_[at_++].text;
  if (open == "\\{") MarkCondition();
  const int bars = std::exchange(open_bars_, 0);
  const bool stops = std::exchange(stops_at_function_, false);
  Items items;
  if (!At(TokenKind::kClose)) {
    MASPO_ASSIGN_OR_RETURN(items, ParseItems());
  }
  open_bars_ = bars;
  stops_at_function_ = stops;
  if (open == "\\{" && At(TokenKind::kMid) && items.members.size() == 1)
    return ParseSetBuilder(std::move(items.members[0]));
  if (!At(TokenKind::kClose)) return NotInTheGrammar();
  const std::string close = tokens_[at_++].text;
  if (open == "\\{" && close == open) {
    MASPO_ASSIGN_OR_RETURN(items.members, WithBothSigns(std::move(items.members)));
    return Expression::Of(Kind::kSet, std::move(items.members));
  }
  if (items.members.empty())
    return open == "{" && close == open ? Expression::Of(Kind::kSet, std::move(items.members))
                                        : Result(NotInTheGrammar());
  if (open == "{" && close == open) {
    if (items.members.size() == 1) return std::move(items.members[0]);
    if (IsEquationOfList(items.members)) return EquationOfList(std::move(items.members));
    return Expression::Of(Kind::kList, std::move(items.members));
  }
  if (open == "floor" || open == "ceil") {
    if (close != open || items.members.size() != 1) return NotInTheGrammar();
    return Expression::Function(open, std::move(items.members));
  }
  if (open == "<" && close == "<") return Expression::Of(Kind::kTuple, std::move(items.members), "()");
  if (!IsParenthesis(open) || !IsParenthesis(close)) return NotInTheGrammar();
  if (items.members.size() == 1) return open == close ? Result(std::move(items.members[0])) : NotInTheGrammar();
  if (items.has_groups) {  // (1;2,3): separators of any kind.
    std::vector<Expression> flat;
    for (Expression& group : items.members) {
      std::move(group.parts.begin(), group.parts.end(), std::back_inserter(flat));
    }
    items.members = std::move(flat);
  }
  return Expression::Of(Kind::kTuple, std::move(items.members), std::string(open) + (close == "(" ? ")" : "]"));
}

// In \{x | ...\} and \{x \in R : ...\} the bar or colon is no operator.
void Grammar::MarkCondition() {
  const size_t sign = Next(1).kind == TokenKind::kIn ? 3 : 1;
  const bool has_variable = At(TokenKind::kLetter) && at_ + sign < tokens_.size();
  const TokenKind kind = Next(sign).kind;
  if (has_variable && (kind == TokenKind::kBar || kind == TokenKind::kColon))
    tokens_[at_ + sign].kind = TokenKind::kMid;
}

// \{x \mid x > 1\}, \{x \in R : x > 1\}: a set of reals by its condition. The variable has been read.
Grammar::Result Grammar::ParseSetBuilder(Expression variable) {
  ++at_;
  const bool is_real =
      variable.Is(Kind::kRelation) && variable.parts[1].Is(Kind::kNamedSet) && variable.parts[1].text == "R";
  if (!variable.Is(Kind::kSymbol) && !is_real) return NotInTheGrammar();
  MASPO_ASSIGN_OR_RETURN(Items conditions, ParseItems());
  if (!Take(TokenKind::kClose, "\\{") || conditions.members.size() != 1) return NotInTheGrammar();
  return Expression::Of(Kind::kSetBuilder, std::move(conditions.members[0]));
}

}  // namespace maspo
