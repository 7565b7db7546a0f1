#include <utility>

#include "reward_server/limits.h"
#include "reward_server/verification/grammar.h"
#include "reward_server/verification/latex_commands.h"
#include "services/base/status_macros.h"

namespace maspo {

using TokenKind = Token::Kind;

namespace {

bool IsWord(const Token& token) { return token.kind == TokenKind::kWords || token.kind == TokenKind::kLetters; }

bool IsUnit(const Token& token) {
  return token.kind == TokenKind::kWords || (token.kind == TokenKind::kLetters && IsUnitWord(token.text));
}

bool EndsSide(TokenKind kind) {
  return kind == TokenKind::kEnd || kind == TokenKind::kSeparator || kind == TokenKind::kEquals ||
         kind == TokenKind::kClose || kind == TokenKind::kGroupClose;
}

}  // namespace

Grammar::Result Grammar::ParseAnswer() {
  MASPO_ASSIGN_OR_RETURN(Expression answer, ParseList());
  if (!At(TokenKind::kEnd)) return NotInTheGrammar();
  return answer;
}

bool Grammar::AtEndOfList() const { return At(TokenKind::kEnd) || At(TokenKind::kClose) || At(TokenKind::kGroupClose); }

Grammar::Result Grammar::ParseList() {
  std::vector<Expression> items;
  do {
    if (items.size() == limits::kItems) return absl::ResourceExhaustedError("the list has too many members");
    MASPO_ASSIGN_OR_RETURN(Expression item, ParseItem());
    items.push_back(std::move(item));
    if (!At(TokenKind::kSeparator)) break;
    while (Take(TokenKind::kSeparator)) continue;  // ", and" is one separator.
  } while (!AtEndOfList());
  if (items.size() == 1) return std::move(items[0]);
  return Expression::Of(Expression::Kind::kList, std::move(items));
}

Grammar::Result Grammar::ParseItem() {
  const bool has_left_side = !Take(TokenKind::kEquals);  // "= 5": the left side stood before the answer's text.
  MASPO_ASSIGN_OR_RETURN(Expression first, ParseSide());
  if (!At(TokenKind::kEquals)) return first;
  Expression last;
  while (Take(TokenKind::kEquals)) {
    MASPO_ASSIGN_OR_RETURN(last, ParseSide());
  }
  if (!has_left_side) return last;
  return Expression::Of(Expression::Kind::kEquation, std::move(first), std::move(last));
}

Grammar::Result Grammar::ParseSide() {
  if (const size_t words = CountWords(); words > 0) return TakeWords(words);
  MASPO_ASSIGN_OR_RETURN(Expression side, ParseExpression(kNone));
  MASPO_RETURN_IF_ERROR(SkipUnits());
  return side;
}

// How many tokens there are to the end of the side, if all of them are words: "no solution", \text{Tuesday}.
size_t Grammar::CountWords() const {
  size_t count = 0;
  while (IsWord(Next(count))) ++count;
  return EndsSide(Next(count).kind) ? count : 0;
}

// A run of words is one symbol; so \text{no solution}, nosolution and "no solution" are the same.
Expression Grammar::TakeWords(size_t count) {
  std::string words;
  for (; count > 0; --count) words += tokens_[at_++].text;
  return Expression::Symbol(std::move(words));
}

// 5\text{ cm}^2, 45 km/h: a value is compared without its unit.
absl::Status Grammar::SkipUnits() {
  while (IsUnit(Next()) || (At(TokenKind::kDivide) && IsUnit(Next(1)))) {
    Take(TokenKind::kDivide);
    ++at_;
    if (Take(TokenKind::kPower)) MASPO_RETURN_IF_ERROR(ParseArgument().status());
  }
  return absl::OkStatus();
}

}  // namespace maspo
