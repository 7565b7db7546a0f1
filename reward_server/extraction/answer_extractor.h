#pragma once

#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "reward_server/extraction/anchors.h"
#include "reward_server/extraction/boxes.h"
#include "reward_server/extraction/choices.h"
#include "reward_server/extraction/environments.h"
#include "reward_server/extraction/plain_numbers.h"
#include "reward_server/work_budget.h"

namespace maspo {

// What is looked for in a text, and in which order.
struct ExtractionOptions {
  bool latex = true;                      // Mathematics in dollars, brackets and boxes.
  bool plain = true;                      // Numbers and arithmetic in prose.
  std::vector<std::string> choices = {};  // Allowed answers in words; empty: none are looked for.
  bool lowercase_choices = true;
  int boxed_priority = 50;  // 0, 50 or 100: with the level of that number below. -1: boxes do not count.
};

// What the final answer of a response may be.
struct Candidate {
  enum class Notation { kLatex, kPlain, kChoice };
  struct Part {
    std::string text;
    bool is_percent = false;
  };
  Notation notation = Notation::kLatex;
  std::vector<Part> parts = {};    // Several form one list.
  std::string_view found_by = {};  // "boxed", "final answer is", ...: the level below; a literal.
  size_t begin = 0, end = 0;       // Where it stands, with what announces it.
};

// Proposes what the final answer of a response may be, best first. The caller takes the first one it can read.
//
//   level                        for example
//     0  final answer, I hope    The final answer is $48$. I hope it is correct.
//    50  final answer is         The final answer to this question is 48.      boxed: \boxed{48}
//   100  answer:                 **Answer:** 48                                within 50 characters
//   200  answer                  so the answer would be 48
//   250  start of the text       B. Because ...                                choices only
//   300  anywhere                ... hence $x = 48$, ... which makes 48 balls
//
// Within a level the one that ends last comes first, and of two that end together the longer. Levels are searched when
// they are asked for: most responses have a box.
//
// Any bytes are a valid response; the time is linear in its length, of which the last limits::kResponseBytes count.
// The response must outlive the extractor. Not thread-safe.
class AnswerExtractor {
 public:
  AnswerExtractor(std::string_view response, const ExtractionOptions& options, WorkBudget& budget);

  std::optional<Candidate> Next();

 private:
  // Where a candidate stands. Its texts are made when it is its turn: the first place is usually the only one.
  struct Place {
    Candidate::Notation notation = Candidate::Notation::kLatex;
    absl::InlinedVector<MathSpan::Part, 1> parts = {};
    Boxes boxes = Boxes::kAll;  // Which of the boxes in a part count.
    std::string_view found_by = {};
    size_t begin = 0, end = 0;
  };
  using Places = std::vector<Place>;
  using Match = std::optional<Place> (AnswerExtractor::*)(size_t at, std::string_view found_by);

  void FindLevel(int level, Places& found);
  void AppendIHope(Places& found);
  void AppendFinalAnswers(Places& found);
  void AppendBoxes(Places& found);
  void AppendAnchored(bool with_colon, Places& found);
  void AppendStart(Places& found);
  void AppendAnywhere(Places& found);
  // Applies match(anchor) to the anchors from left to right; what one match covers is not searched again.
  template <typename MatchAnchor>
  void AppendForAnchors(Places& found, MatchAnchor match) const;

  // What follows an anchor directly (at `at`, after blanks) or within its window.
  std::optional<Place> MathAt(size_t at, std::string_view found_by);
  std::optional<Place> PlainAt(size_t at, std::string_view found_by);
  std::optional<Place> ChoiceAt(size_t at, std::string_view found_by);
  std::optional<Place> MathWithin(size_t begin, std::string_view found_by);
  std::optional<Place> PlainWithin(size_t begin, std::string_view found_by);
  std::optional<Place> ChoiceWithin(size_t begin, std::string_view found_by);

  static Place PlaceOf(const MathSpan& span, std::string_view found_by);
  static Place PlaceOf(const PlainSpan& span, std::string_view found_by);
  static Place PlaceOf(const ChoiceSpan& span, std::string_view found_by);
  Candidate ReadPlace(const Place& place) const;

  const std::string_view text_;
  const ExtractionOptions& options_;
  WorkBudget& budget_;
  const std::vector<Anchor> anchors_;
  EnvironmentFinder environments_;
  size_t next_level_ = 0;      // Of kLevels.
  std::deque<Place> pending_;  // Of the level before.
};

}  // namespace maspo
