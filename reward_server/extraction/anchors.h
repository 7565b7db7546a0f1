#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "reward_server/work_budget.h"

namespace maspo {

// The word "answer", in any case: it announces an answer.
struct Anchor {
  size_t end = 0;          // Behind the word.
  bool is_final = false;   // "final answer"
  bool has_colon = false;  // "answer:"
};

// The anchors of a text in order; of very many the last.
inline constexpr size_t kMaxAnchors = 256;
std::vector<Anchor> FindAnchors(std::string_view text, WorkBudget& budget);

// Where the answer may stand after a "final answer": behind each " is" or " is:" that begins in the next 100
// characters.
std::vector<size_t> PositionsAfterIs(std::string_view text, const Anchor& anchor);

// Behind "final answer is" or "final answer is:" when the words follow one another; npos otherwise.
size_t PositionAfterFinalAnswerIs(std::string_view text, const Anchor& anchor);

// Whether " I hope" or ". I hope" follows, which ends the answers of a common few-shot prompt.
bool IHopeFollows(std::string_view text, size_t answer_end);

// The position `count` characters (not bytes) behind `at`, at most the end of the text.
size_t SkipCharacters(std::string_view text, size_t at, size_t count);

}  // namespace maspo
