// A gold answer and a response, separated by a line end, judged by the rule set prime_math: an answer equals itself.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "reward_server/prime_math/final_answer.h"
#include "reward_server/prime_math/prime_math.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const size_t split = text.find('\n');
  if (split == std::string_view::npos) return 0;
  const std::string_view gold = text.substr(0, split), response = text.substr(split + 1);
  maspo::WorkBudget budget(absl::Seconds(1));
  const std::string answer = maspo::JudgeByPrimeMath(gold, response, budget).answer;
  if (response.find(answer) == std::string_view::npos) std::abort();
  if (maspo::FindPrimeFinalAnswer(answer).text == answer && !answer.starts_with("$") &&
      !maspo::JudgeByPrimeMath(answer, answer, budget).comparison.is_equal()) {
    std::abort();
  }
  return 0;
}
