#pragma once

#include <string_view>

namespace maspo {

// What the rule set prime_math takes as the final answer of a response; of the response.
struct PrimeFinalAnswer {
  std::string_view text;
  bool is_announced = false;  // By a box, "answer:", "is", "=", ...; and it has a digit.
};

// Cuts the response down from both sides, in this order: behind the last "answer:", "answer is" and "answers are";
// before the last "is the answer" and its like; to the last box, if one is closed; before the last end of a sentence;
// behind the last "be", "is", "are", "=", ":" and "get". What none of them announces is the whole response.
PrimeFinalAnswer FindPrimeFinalAnswer(std::string_view response);

}  // namespace maspo
