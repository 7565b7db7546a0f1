#include "reward_server/prime_math/tolerant_equality.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "reward_server/prime_math/algebra.h"
#include "reward_server/prime_math/normal_forms.h"
#include "reward_server/text.h"
#include "reward_server/verification/ball_value.h"

namespace maspo {
namespace {

constexpr double kTolerance = 1e-4;
constexpr size_t kMaxAnswerBytes = 1000;
constexpr int kMaxDepth = 8;  // Lists in lists; each level takes the outermost brackets off.
constexpr size_t npos = std::string_view::npos;

bool IsClose(double a, double b) {
  return a == b ||
         (std::isfinite(a) && std::isfinite(b) && std::abs(a - b) <= kTolerance * std::max(std::abs(a), std::abs(b)));
}

// Digits with at most one point between digits.
bool IsPlainNumber(std::string_view text) {
  const size_t point = text.find('.');
  const auto all_digits = [](std::string_view digits) {
    return !digits.empty() && std::all_of(digits.begin(), digits.end(), [](char c) { return absl::ascii_isdigit(c); });
  };
  return all_digits(text.substr(0, point)) && (point == npos || all_digits(text.substr(point + 1)));
}

std::vector<std::string_view> Members(std::string_view list) {
  std::vector<std::string_view> members;
  for (size_t begin = 0;;) {
    const size_t comma = list.find(',', begin);
    members.push_back(Stripped(list.substr(begin, comma - begin)));
    if (comma == npos) return members;
    begin = comma + 1;
  }
}

std::string WithoutSpaces(std::string text) {
  std::erase(text, ' ');
  return text;
}

class Comparer {
 public:
  Comparer(double pi, int depth, WorkBudget& budget) : pi_(pi), depth_(depth), budget_(budget) {}

  // Nothing: an answer with a subscript that is no number in a base; the whole comparison has no result then.
  std::optional<bool> Equal(std::string_view answer_text, std::string_view gold_text) {
    if (depth_ > kMaxDepth || !budget_.Spend()) return std::nullopt;
    std::optional<std::string> answer = Normalized(answer_text), gold = Normalized(gold_text);
    if (!answer || !gold) return std::nullopt;
    answer->resize(std::min(answer->size(), kMaxAnswerBytes));
    if (SameText(*answer, *gold)) return true;
    const std::optional<double> x = ReadNumber(*answer), y = ReadNumber(*gold);
    if (x && y) return IsClose(*y / 100, *x) || IsClose(*y, *x) || IsClose(*y * 100, *x);
    if (answer->empty()) return false;
    return SameParts(WithIntervalBrackets(std::string(Stripped(*answer))), std::string(Stripped(*gold)));
  }

 private:
  // "$12" and "12%" without their sign; "1011_2" as the number before the base; \pi calculated.
  std::optional<std::string> Normalized(std::string_view text) {
    if (text.starts_with("$") && text.size() > 1 && absl::ascii_isdigit(text[1])) return std::string(text.substr(1));
    for (const std::string_view sign : {"\\%", "%"}) {
      if (text.ends_with(sign) && IsPlainNumber(text.substr(0, text.size() - sign.size()))) {
        return std::string(text.substr(0, text.size() - sign.size()));
      }
    }
    if (const size_t base = text.find('_'); base != npos) {
      const std::optional<double> number = ReadFloat(text.substr(0, base));
      if (!number || !std::isfinite(*number)) return std::nullopt;
      return absl::StrFormat("%.0f", std::trunc(*number));
    }
    return WithPiCalculated(std::string(text));
  }

  std::string WithPiCalculated(std::string text) {
    bool has_pi = false;
    for (size_t at = text.find("\\pi"); at != npos; at = text.find("\\pi", at + 1)) {
      const bool after_digit = at > 0 && absl::ascii_isdigit(text[at - 1]);
      text.replace(at, 3, absl::StrFormat("%s*%.17g", after_digit ? "" : "1", pi_));
      has_pi = true;
    }
    if (!has_pi) return text;
    const bool is_tuple = text.starts_with("(") && text.ends_with(")") && Contains(text, ',');
    const std::string_view list = is_tuple ? std::string_view(text).substr(1, text.size() - 2) : text;
    std::string values;
    for (const std::string_view member : Members(list)) {
      const std::optional<double> value = Calculated(member);
      if (!value) return text;
      absl::StrAppend(&values, values.empty() ? "" : ", ", absl::StrFormat("%.17g", *value));
    }
    return Contains(list, ',') ? absl::StrCat("(", values, ")") : values;
  }

  std::optional<double> Calculated(std::string_view arithmetic) {
    const std::optional<Expression> tree = ReadAlgebra(arithmetic, AlgebraDialect::kPython, budget_);
    Ball ball;
    if (!tree || !BallValue(*tree, {}, Domain::kReal, 64, budget_, ball) || !ball.is_real()) return std::nullopt;
    return arf_get_d(arb_midref(ball.real()), ARF_RND_NEAR);
  }

  static bool SameText(const std::string& answer, const std::string& gold) {
    return absl::AsciiStrToLower(std::string(Stripped(answer))) == absl::AsciiStrToLower(std::string(Stripped(gold))) ||
           WithoutSpaces(answer) == WithoutSpaces(gold);
  }

  static std::optional<double> ReadNumber(const std::string& text) {
    const bool braced = Contains(text, "{,}");
    return ReadFloat(absl::StrReplaceAll(text, {{braced ? "{,}" : ",", ""}}));
  }

  // Interval.open(1, 2) is (1, 2), as computer algebra systems write it.
  static std::string WithIntervalBrackets(std::string text) {
    static constexpr std::string_view kNames[][3] = {{"Interval.Ropen(", "[", ")"},
                                                     {"Interval.Lopen(", "(", "]"},
                                                     {"Interval.open(", "(", ")"},
                                                     {"Interval(", "[", "]"}};
    for (const auto& [name, open, close] : kNames) {
      if (!text.starts_with(name) || !text.ends_with(")")) continue;
      return absl::StrCat(std::string(open), text.substr(name.size(), text.size() - name.size() - 1),
                          std::string(close));
    }
    return text;
  }

  std::optional<bool> SameParts(const std::string& answer, const std::string& gold) {
    std::string bare_answer = answer, bare_gold = gold;
    if ((answer.starts_with("[") && answer.ends_with("]") && !gold.starts_with("(")) ||
        (answer.starts_with("(") && answer.ends_with(")") && !gold.starts_with("["))) {
      std::erase_if(bare_answer, [](char c) { return c == '[' || c == ']'; });
      std::erase_if(bare_gold, [](char c) { return c == '[' || c == ']'; });
    }
    const auto is_bracket = [](char c) { return Contains("{}()", c); };
    std::erase_if(bare_answer, is_bracket);
    std::erase_if(bare_gold, is_bracket);
    if (bare_answer == bare_gold) return true;
    if (answer.empty() || gold.empty()) return false;
    const bool same_ends = Contains("([", answer.front()) && Contains(")]", answer.back()) &&
                           answer.front() == gold.front() && answer.back() == gold.back();
    if (same_ends && answer.size() > 1 && gold.size() > 1) {
      const auto inside = [](std::string_view text) { return text.substr(1, text.size() - 2); };
      const std::optional<bool> same = SameMembers(inside(answer), inside(gold));
      if (!same || *same) return same;
    }
    if (Contains(answer, ',') && Contains(gold, ',')) return SameMembers(answer, gold);
    return false;
  }

  std::optional<bool> SameMembers(std::string_view answer, std::string_view gold) {
    const std::vector<std::string_view> members = Members(answer), gold_members = Members(gold);
    if (members.size() != gold_members.size()) return false;
    Comparer comparer(std::numbers::pi, depth_ + 1, budget_);
    bool same = true;
    for (size_t i = 0; i < members.size(); ++i) {
      const std::optional<bool> equal = comparer.Equal(members[i], gold_members[i]);
      if (!equal) return std::nullopt;
      same &= *equal;
    }
    return same;
  }

  const double pi_;
  const int depth_;
  WorkBudget& budget_;
};

}  // namespace

bool IsTolerantlyEqual(std::string_view answer, std::string_view gold, double pi, WorkBudget& budget) {
  return Comparer(pi, 0, budget).Equal(answer, gold).value_or(false);
}

}  // namespace maspo
