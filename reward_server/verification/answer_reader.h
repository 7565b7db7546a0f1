#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "reward_server/extraction/answer_extractor.h"
#include "reward_server/verification/expression.h"
#include "reward_server/work_budget.h"

namespace maspo {

struct ReadingOptions {
  ExtractionOptions extraction = {};
  bool repair_malformed = true;  // \frac79, \sqrt7, x^(12)
};

// The answer of a text, as far as it could be read.
struct AnswerReading {
  enum class State {
    kRead,
    kNoAnswer,
    kUnparsable,  // Something was found, but nothing could be read.
    kTooLarge,
  };
  State state = State::kNoAnswer;
  std::optional<Expression> tree;  // kRead, unless the answer is one of the allowed choices.
  std::string choice;              // kRead, of the allowed choices.
  std::string text;                // What was read, or else what was found first.
  std::string first_normal_form;   // Of what was found first, also if it could not be read.
  std::string_view found_by;       // A level of the extractor, "text" for all of a gold answer; a literal.
  bool is_first = false;           // What was found first could be read: nothing else of the text was looked at.
};

// The first candidate of a response that can be read.
AnswerReading ReadResponse(std::string_view response, const ReadingOptions& options, WorkBudget& budget);

// The same of a text whose extractor has proposed `candidate`.
AnswerReading ReadFrom(std::optional<Candidate> candidate, AnswerExtractor& extractor, const ReadingOptions& options,
                       WorkBudget& budget);

// A gold answer is read as a response is, except that without any mathematics in it all of it is the answer.
AnswerReading ReadGold(std::string_view gold, const ReadingOptions& options, WorkBudget& budget);

}  // namespace maspo
