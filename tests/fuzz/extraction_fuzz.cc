// Any bytes as a response: every candidate lies in the text, and there is an end of them.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "reward_server/extraction/answer_extractor.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  maspo::WorkBudget budget(absl::Seconds(1));
  const maspo::ExtractionOptions options{.choices = {"A", "B", "yes"}};
  maspo::AnswerExtractor extractor(text, options, budget);
  while (const auto candidate = extractor.Next()) {
    if (candidate->parts.empty() || candidate->begin > candidate->end || candidate->end > text.size()) std::abort();
  }
  return 0;
}
