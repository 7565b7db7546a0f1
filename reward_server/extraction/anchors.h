#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "reward_server/work_budget.h"

namespace maspo {

// A phrase that announces an answer.
struct Anchor {
  enum class Kind {
    kFinalAnswer,  // "final answer": the answer comes within the line after "is".
    kAnswerColon,  // "answer:"
    kAnswer,       // "answer"
    kHashes,       // "####", as GSM8K's solutions end
  };
  Kind kind = Kind::kAnswer;
  size_t end = 0;  // Where the text after the phrase begins; behind a colon or hashes blanks and emphasis are skipped.
};

// The last anchors of a text, from the last to the first; at most kMaxAnchors. A "final answer:" is both of the first
// two kinds and appears as each.
inline constexpr size_t kMaxAnchors = 32;
std::vector<Anchor> FindAnchors(std::string_view text, WorkBudget& budget);

// Where the answer may stand after an anchor: behind each " is" or " is:" of the next 100 bytes of its line.
std::vector<size_t> PositionsAfterIs(std::string_view text, const Anchor& anchor);

// Whether ". I hope" follows, which ends the answers of a common few-shot prompt.
bool IHopeFollows(std::string_view text, size_t answer_end);

}  // namespace maspo
