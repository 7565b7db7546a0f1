// Two answers, separated by a line end: each equals itself, and the comparison ends with an outcome.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "reward_server/normalization/latex_normalizer.h"
#include "reward_server/verification/answer_comparison.h"
#include "reward_server/verification/answer_parser.h"

namespace {

constexpr absl::Duration kBudget = absl::Milliseconds(200);  // Sanitizers slow it down about tenfold.

maspo::Comparison Compare(const maspo::Expression& gold, const maspo::Expression& answer) {
  maspo::WorkBudget budget(kBudget);
  return maspo::AnswerComparison({}, budget).Compare(gold, answer);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const size_t split = text.find('\n');
  if (split == std::string_view::npos) return 0;
  maspo::WorkBudget budget(kBudget);
  const auto gold = maspo::ParseAnswer(maspo::NormalizeLatex(text.substr(0, split)), {}, budget);
  const auto answer = maspo::ParseAnswer(maspo::NormalizeLatex(text.substr(split + 1)), {}, budget);
  if (!gold.ok() || !answer.ok()) return 0;
  Compare(*gold, *answer);
  if (Compare(*gold, *gold).outcome == maspo::Comparison::Outcome::kDifferent) std::abort();
  return 0;
}
