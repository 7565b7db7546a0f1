// Any bytes as an answer: normalized and read, in LaTeX and in prose, or refused.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "reward_server/normalization/latex_normalizer.h"
#include "reward_server/verification/answer_parser.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  maspo::WorkBudget budget(absl::Seconds(1));
  const std::string normal = maspo::NormalizeLatex(text);
  const auto tree = maspo::ParseAnswer(normal, {}, budget);
  if (tree.ok() && !maspo::SameTree(*tree, *tree)) std::abort();
  maspo::ParsePlain(text, budget).IgnoreError();
  return 0;
}
