#pragma once

#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "reward_server/extraction/anchors.h"
#include "reward_server/extraction/math_span.h"
#include "reward_server/verification/latex_lexer.h"
#include "reward_server/work_budget.h"

namespace maspo {

struct ExtractedAnswer {
  std::string text;
  Notation notation = Notation::kLatex;
  std::string_view found_by;  // "boxed", "final answer is", ...: the level below; a literal.
};

// Proposes what the final answer of a response may be, best first. The caller takes the first one it can read.
//
//   level                        for example
//   "final answer is, I hope"    The final answer is $48$. I hope it is correct.
//   "boxed", "final answer is"   \boxed{48}              The final answer is 48
//   "answer:"                    **Answer:** 48          within 50 bytes
//   "answer"                     so the answer would be 48
//   "####"                       #### 48
//   "environment"                ... hence $x = 48$
//   "plain"                      ... which makes 48 balls
//   "words"                      The answer is north.
//
// The last three are for responses that announce no answer: one that does, unreadably, gets no second chance there.
// Within a level later ones come first, and the longer of two that end at one place. Several environments or boxes that
// are listed ("$2$ and $3$") are one answer. Levels are searched when they are asked for: most responses have a box.
//
// Any bytes are a valid response; the time is linear in its length, of which the last limits::kResponseBytes count.
// The response must outlive the extractor. Not thread-safe.
class AnswerExtractor {
 public:
  AnswerExtractor(std::string_view response, WorkBudget& budget);

  std::optional<ExtractedAnswer> Next();

 private:
  struct Candidate;
  enum class Level { kIHope, kBoxed, kAnswerColon, kAnswer, kHashes, kEnvironments, kPlain, kWords, kEnd };

  std::vector<Candidate> FindCandidates(Level level);
  void AppendBoxes(std::vector<Candidate>& candidates);
  void AppendFinalAnswers(bool i_hope, std::vector<Candidate>& candidates);
  void AppendAnchored(Anchor::Kind kind, std::string_view found_by, std::vector<Candidate>& candidates);
  void AppendLast(Notation notation, std::string_view found_by, std::vector<Candidate>& candidates);
  void AppendWords(std::vector<Candidate>& candidates);

  const std::vector<MathSpan>& Spans();

  const std::string_view text_;
  WorkBudget& budget_;
  const std::vector<Anchor> anchors_;
  std::optional<std::vector<MathSpan>> spans_;  // Environments and plain expressions, in order; found when needed.
  Level next_level_ = Level::kIHope;
  bool announced_ = false;               // A level above kEnvironments had a candidate.
  std::deque<ExtractedAnswer> pending_;  // Of the level before next_level_.
};

// The answer in a gold label: its boxes, else its environments, else all of it.
ExtractedAnswer ExtractGold(std::string_view gold, WorkBudget& budget);

}  // namespace maspo
