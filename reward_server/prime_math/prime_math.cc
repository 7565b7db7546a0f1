#include "reward_server/prime_math/prime_math.h"

#include <algorithm>
#include <numbers>
#include <optional>
#include <set>
#include <vector>

#include "absl/strings/ascii.h"
#include "reward_server/limits.h"
#include "reward_server/prime_math/algebra.h"
#include "reward_server/prime_math/final_answer.h"
#include "reward_server/prime_math/normal_forms.h"
#include "reward_server/prime_math/tolerant_equality.h"
#include "reward_server/text.h"
#include "reward_server/verification/scalar_comparison.h"

namespace maspo {
namespace {

constexpr std::string_view kBrackets = "()[]";
constexpr size_t kMaxLetters = 2;
constexpr double kRoughPi = 3.14;

bool DigitAt(std::string_view text, size_t at) { return at < text.size() && absl::ascii_isdigit(text[at]); }

// -1/2, with at most one more character behind each number.
bool IsFraction(std::string_view text) {
  Consume(text, "-");
  const size_t slash = text.find('/');
  if (slash == std::string_view::npos) return false;
  const auto is_digits = [](std::string_view digits) {
    return !digits.empty() && std::all_of(digits.begin(), digits.end(), [](char c) { return absl::ascii_isdigit(c); });
  };
  const auto is_number = [&](std::string_view number) {
    return is_digits(number) || (number.size() > 1 && is_digits(number.substr(0, number.size() - 1)));
  };
  std::string_view denominator = text.substr(slash + 1);
  while (denominator.starts_with("0")) denominator.remove_prefix(1);
  return is_number(text.substr(0, slash)) && is_number(denominator);
}

// Of (a, b] its members; of anything else itself.
std::vector<std::string> MembersOf(const std::string& normal_form) {
  const std::string text = WithoutGroupingCommas(normal_form);
  if (text.empty()) return {};
  const std::string_view inside = std::string_view(text).substr(1, text.size() < 3 ? 0 : text.size() - 2);
  if (inside.empty() || !Contains(kBrackets, text.front()) || !Contains(kBrackets, text.back()) ||
      inside.find_first_of(kBrackets) != std::string_view::npos) {
    return {text};
  }
  std::vector<std::string> members;
  for (size_t begin = 0;;) {
    const size_t comma = inside.find(',', begin);
    members.emplace_back(Stripped(inside.substr(begin, comma - begin)));
    if (comma == std::string_view::npos) return members;
    begin = comma + 1;
  }
}

// Words and powers that computer algebra is not tried on: more than two letters in all, x^{..., x^12, 2^3^4.
class AlgebraGuard {
 public:
  void Add(std::string_view text) {
    for (size_t i = 0; i < text.size(); ++i) {
      for (const std::string_view word : {"sqrt", "frac"}) {
        if (text.substr(i).starts_with(word)) i += word.size();
      }
      if (i >= text.size()) break;
      if (absl::ascii_isalpha(text[i])) letters_.insert(std::string(1, text[i]));
      const auto lead = static_cast<unsigned char>(text[i]);
      if (lead == 0xce || lead == 0xcf) letters_.insert(std::string(text.substr(i, 2)));
      if (text[i] == '^') refused_ |= IsRefusedExponent(text.substr(i + 1));
    }
  }
  bool allows() const { return !refused_ && letters_.size() <= kMaxLetters; }

 private:
  static bool IsRefusedExponent(std::string_view rest) {
    if (rest.starts_with("{") || rest.starts_with("(")) return true;
    return DigitAt(rest, 0) && (DigitAt(rest, 1) || rest.substr(1).starts_with("^"));
  }

  std::set<std::string> letters_;
  bool refused_ = false;
};

// Nothing: the budget is spent.
std::optional<bool> SameAlgebra(const std::string& gold, const std::string& answer, WorkBudget& budget) {
  AlgebraGuard guard;
  guard.Add(gold);
  guard.Add(answer);
  if (!guard.allows()) return false;
  const std::optional<Expression> a = ReadAlgebra(gold, AlgebraDialect::kAlgebra, budget);
  const std::optional<Expression> b = ReadAlgebra(answer, AlgebraDialect::kAlgebra, budget);
  if (!a || !b) return false;
  const Comparison comparison = CompareScalars(*a, *b, /*decimal_places=*/0, budget);
  if (comparison.outcome == Comparison::Outcome::kDeadline) return std::nullopt;
  return comparison.is_equal();
}

// Integers and fractions by their text, everything else as algebra.
std::optional<bool> SameMember(const std::string& gold, const std::string& answer, WorkBudget& budget) {
  if (IsFraction(gold) && IsFraction(answer)) return gold == answer;
  if (IsIntegerText(gold) != IsIntegerText(answer)) return false;
  return SameAlgebra(gold, answer, budget);
}

std::optional<bool> SameMembers(const std::string& gold, const std::string& answer, WorkBudget& budget) {
  if (answer.empty()) return false;
  const std::vector<std::string> gold_members = MembersOf(gold), members = MembersOf(answer);
  if (gold_members.size() != members.size()) return false;
  if (gold_members.size() > 1 && (gold.front() != answer.front() || gold.back() != answer.back())) return false;
  for (size_t i = 0; i < members.size(); ++i) {
    const std::optional<bool> same = SameMember(gold_members[i], members[i], budget);
    if (!same || !*same) return same;
  }
  return true;
}

Comparison Compare(std::string_view gold, std::string_view answer, WorkBudget& budget) {
  if (MathNormalForm(gold) == MathNormalForm(answer)) return Comparison::Of(true, "normal form");
  const std::string gold_form = TextNormalForm(gold), form = TextNormalForm(answer);
  if (gold_form == form) return Comparison::Of(true, "text");
  const std::optional<bool> same_members = SameMembers(gold_form, form, budget);
  if (same_members.value_or(false)) return Comparison::Of(true, "algebra");
  bool equal = IsTolerantlyEqual(answer, gold, std::numbers::pi, budget);
  const bool has_pi = Contains(gold, "\\pi") || Contains(answer, "\\pi");
  if (has_pi && !equal) equal = IsTolerantlyEqual(answer, gold, kRoughPi, budget);
  if (budget.exhausted() && !equal) return {Comparison::Outcome::kDeadline, "deadline"};
  return Comparison::Of(equal, "tolerance");
}

}  // namespace

PrimeMathJudgement JudgeByPrimeMath(std::string_view gold, std::string_view response, WorkBudget& budget) {
  if (response.size() > limits::kResponseBytes) response = response.substr(response.size() - limits::kResponseBytes);
  const bool is_formula = gold.size() > 2 && gold.starts_with("$") && gold.find('$', 1) == gold.size() - 1;
  if (is_formula) gold = gold.substr(1, gold.size() - 2);
  const PrimeFinalAnswer found = FindPrimeFinalAnswer(response);
  PrimeMathJudgement judgement{.comparison = {}, .answer = std::string(found.text), .is_announced = found.is_announced};
  if (found.text.size() > limits::kAnswerBytes || gold.size() > limits::kAnswerBytes) {
    judgement.comparison = {Comparison::Outcome::kTooLarge, "answer"};
  } else {
    judgement.comparison = Compare(gold, found.text, budget);
  }
  return judgement;
}

}  // namespace maspo
