#include "reward_server/rewards/reward_function.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace maspo {
namespace {

using Make = std::unique_ptr<RewardTerm> (*)(const v1::RewardSection&);

constexpr auto kTerms = std::to_array<std::pair<std::string_view, Make>>({
    {"format", MakeFormatTerm},
    {"length", MakeLengthTerm},
    {"overlong", MakeOverlongTerm},
    {"repetition", MakeRepetitionTerm},
});

absl::Status Refuse(const std::string& entry) {
  std::string names;
  for (const auto& [name, make] : kTerms) absl::StrAppend(&names, names.empty() ? "" : ", ", std::string(name));
  return absl::InvalidArgumentError(
      absl::StrCat("reward.terms: \"", entry, "\" must be NAME=WEIGHT or SOURCE/NAME=WEIGHT with NAME one of ", names));
}

}  // namespace

absl::StatusOr<std::unique_ptr<RewardFunction>> RewardFunction::Create(const v1::RewardSection& reward) {
  if (reward.overlong_buffer_tokens() == 0 || reward.overlong_max_tokens() < reward.overlong_buffer_tokens()) {
    return absl::InvalidArgumentError(
        "reward.overlong_buffer_tokens must be above 0 and at most reward.overlong_max_tokens");
  }
  if (reward.repetition_words() == 0) return absl::InvalidArgumentError("reward.repetition_words must be at least 1");
  std::vector<Weighted> terms;
  for (const std::string& entry : reward.terms()) {
    const size_t equals = entry.rfind('='), slash = entry.rfind('/', equals);
    Weighted weighted;
    if (equals == std::string::npos || !absl::SimpleAtod(entry.substr(equals + 1), &weighted.weight) ||
        !std::isfinite(weighted.weight)) {
      return Refuse(entry);
    }
    const size_t begin = slash == std::string::npos ? 0 : slash + 1;
    const std::string name = entry.substr(begin, equals - begin);
    const auto* found =
        std::find_if(kTerms.begin(), kTerms.end(), [&](const auto& term) { return term.first == name; });
    if (found == kTerms.end()) return Refuse(entry);
    if (slash != std::string::npos) weighted.source = entry.substr(0, slash);
    weighted.term = found->second(reward);
    terms.push_back(std::move(weighted));
  }
  return std::unique_ptr<RewardFunction>(new RewardFunction(reward, std::move(terms)));
}

double RewardFunction::Evaluate(const v1::VerifyItem& item, v1::Verdict verdict) const {
  if (verdict == v1::VERDICT_TIMEOUT || verdict == v1::VERDICT_CRASHED) return 0;
  return (verdict == v1::VERDICT_CORRECT ? correct_ : incorrect_) + Terms(item, verdict);
}

double RewardFunction::Terms(const v1::VerifyItem& item, v1::Verdict verdict) const {
  double sum = 0;
  for (const Weighted& weighted : terms_) {
    if (!weighted.source.empty() && weighted.source != item.source()) continue;
    sum += weighted.weight * weighted.term->Evaluate(item, verdict);
  }
  return sum;
}

}  // namespace maspo
