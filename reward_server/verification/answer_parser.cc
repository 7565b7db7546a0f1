#include "reward_server/verification/answer_parser.h"

#include <utility>
#include <vector>

#include "reward_server/verification/grammar.h"
#include "services/base/status_macros.h"

namespace maspo {
namespace {

// A full stop or comma at the end belongs to the sentence around the answer.
void DropTrailingPunctuation(std::vector<Token>& tokens) {
  size_t end = tokens.size() - 1;  // Of what stays; the last token is kEnd.
  while (end > 0 && (tokens[end - 1].kind == Token::Kind::kSeparator || tokens[end - 1].text == ".")) --end;
  tokens.erase(tokens.begin() + end, tokens.end() - 1);
}

// Something is said, and every brace has its partner.
bool IsWellFormed(const std::vector<Token>& tokens) {
  using Kind = Token::Kind;
  int open_groups = 0;
  bool has_content = false;
  for (const Token& token : tokens) {
    if (token.kind == Kind::kGroupOpen) ++open_groups;
    if (token.kind == Kind::kGroupClose && --open_groups < 0) return false;
    has_content |= token.kind == Kind::kNumber || token.kind == Kind::kLetters || token.kind == Kind::kWords;
  }
  return has_content && open_groups == 0;
}

}  // namespace

absl::StatusOr<ParsedAnswer> ParseAnswer(std::string_view text, Notation notation, WorkBudget& budget) {
  MASPO_ASSIGN_OR_RETURN(std::vector<Token> tokens, Lex(text, notation, budget));
  DropTrailingPunctuation(tokens);
  std::string canonical = CanonicalText(tokens);
  const bool well_formed = IsWellFormed(tokens);
  Grammar::Result tree = Grammar(std::move(tokens), budget).ParseAnswer();
  if (absl::IsInvalidArgument(tree.status()) && well_formed) {
    tree = Expression::Of(Expression::Kind::kFormula, {}, canonical);
  }
  MASPO_RETURN_IF_ERROR(tree.status());
  return ParsedAnswer{*std::move(tree), std::move(canonical)};
}

}  // namespace maspo
