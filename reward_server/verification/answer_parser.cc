#include "reward_server/verification/answer_parser.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "reward_server/normalization/latex_normalizer.h"
#include "reward_server/text.h"
#include "reward_server/verification/latex_lexer.h"
#include "services/base/status_macros.h"

namespace maspo {
namespace {

// "1,234", "-12,345.6", "0,111": the whole answer is one number with a comma before each group of three digits.
bool IsGroupedNumber(std::string_view text) {
  text = Stripped(text);
  if (text.starts_with("-")) text.remove_prefix(1);
  const auto take_digits = [&](size_t most) {
    size_t count = 0;
    while (count < most && count < text.size() && absl::ascii_isdigit(text[count])) ++count;
    text.remove_prefix(count);
    return count;
  };
  if (take_digits(3) == 0 || !text.starts_with(",")) return false;
  while (Consume(text, ",")) {
    if (take_digits(3) != 3) return false;
  }
  if (Consume(text, ".") && take_digits(text.size()) == 0) return false;
  return text.empty();
}

// A comma after a lone zero is a decimal one.
std::string WithoutGrouping(std::string_view text) {
  std::string digits;
  const bool is_decimal = Stripped(text).starts_with("0,");
  for (const char c : text) {
    if (c != ',') digits += c;
    if (c == ',' && is_decimal) digits += '.';
  }
  return digits;
}

// What follows the last equals sign of a chain with at least two, when it is no list; empty otherwise.
std::string_view LastSideOfChain(std::string_view text) {
  if (text.find_first_of(",;") != std::string_view::npos) return {};
  const auto is_sign = [&](size_t i) { return i == 0 || !Contains("\\<!>", text[i - 1]); };
  size_t count = 0, last = 0;
  for (size_t i = text.find('='); i != std::string_view::npos; i = text.find('=', i + 1)) {
    if (!is_sign(i)) continue;
    ++count;
    last = i;
  }
  return count >= 2 ? text.substr(last + 1) : std::string_view();
}

absl::StatusOr<Expression> Parse(std::string_view text, const Grammar::Options& options, WorkBudget& budget) {
  MASPO_ASSIGN_OR_RETURN(std::vector<Token> tokens, Lex(text, budget));
  return Grammar(std::move(tokens), options, budget).ParseAnswer();
}

}  // namespace

absl::StatusOr<Expression> ParseAnswer(std::string_view normalized, const Grammar::Options& options,
                                       WorkBudget& budget) {
  if (IsGroupedNumber(normalized)) return Parse(WithoutGrouping(normalized), options, budget);
  absl::StatusOr<Expression> whole = Parse(normalized, options, budget);
  if (!absl::IsInvalidArgument(whole.status())) return whole;
  const std::string_view last = LastSideOfChain(normalized);
  return last.empty() ? whole : Parse(last, options, budget);
}

absl::StatusOr<Expression> ParsePlain(std::string_view text, WorkBudget& budget) {
  std::string arithmetic = ReplaceUnicode(text);
  while (!arithmetic.empty() && Contains(". \n", arithmetic.back())) arithmetic.pop_back();
  const size_t comma = arithmetic.find(',');
  if (IsGroupedNumber(arithmetic)) {
    arithmetic = WithoutGrouping(arithmetic);
  } else if (comma != std::string::npos && arithmetic.find(',', comma + 1) == std::string::npos) {
    arithmetic[comma] = '.';
  }
  return Parse(arithmetic, {}, budget);
}

}  // namespace maspo
