#include "reward_server/verification/answer_reader.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "reward_server/extraction/boxes.h"
#include "reward_server/normalization/latex_normalizer.h"
#include "reward_server/text.h"
#include "reward_server/verification/answer_parser.h"
#include "services/base/status_macros.h"

namespace maspo {
namespace {

using Kind = Expression::Kind;
using Notation = Candidate::Notation;

struct PartReading {
  std::string text;  // Normalized.
  absl::StatusOr<Expression> tree;
};

PartReading ReadPart(const Candidate::Part& part, Notation notation, const ReadingOptions& options,
                     WorkBudget& budget) {
  PartReading reading{notation == Notation::kLatex ? NormalizeLatex(part.text) : std::string(Stripped(part.text)),
                      absl::UnknownError("not read")};
  if (notation == Notation::kLatex) {
    reading.tree = ParseAnswer(reading.text, {.repair_malformed = options.repair_malformed}, budget);
  } else {
    reading.tree = ParsePlain(reading.text, budget);
  }
  if (part.is_percent && reading.tree.ok()) reading.tree = Expression::Of(Kind::kPercent, *std::move(reading.tree));
  return reading;
}

// The members of the parts as one list; braces and bare lists lose their limits.
Expression Joined(std::vector<Expression> parts) {
  std::vector<Expression> members;
  for (Expression& part : parts) {
    if (IsFiniteList(part)) {
      std::move(part.parts.begin(), part.parts.end(), std::back_inserter(members));
    } else {
      members.push_back(std::move(part));
    }
  }
  return Expression::Of(Kind::kList, std::move(members));
}

struct CandidateReading {
  std::string normal_form;
  std::string text;
  absl::StatusOr<Expression> tree;
};

CandidateReading ReadCandidate(const Candidate& candidate, const ReadingOptions& options, WorkBudget& budget) {
  std::vector<Expression> trees;
  CandidateReading reading{"", candidate.parts[0].text, absl::UnknownError("not read")};
  for (const Candidate::Part& part : candidate.parts) {
    PartReading read = ReadPart(part, candidate.notation, options, budget);
    if (&part != &candidate.parts[0]) absl::StrAppend(&reading.text, ", ", part.text);
    absl::StrAppend(&reading.normal_form, reading.normal_form.empty() ? "" : " and ", read.text);
    if (trees.empty()) reading.tree = read.tree;
    if (read.tree.ok()) trees.push_back(*std::move(read.tree));
  }
  const bool all_read = trees.size() == candidate.parts.size();
  if (candidate.parts.size() > 1 && all_read) reading.tree = Joined(std::move(trees));
  return reading;
}

// Takes the candidate if it can be read, or if nothing has been found before; whether it was read.
bool Accept(const Candidate& candidate, const ReadingOptions& options, WorkBudget& budget, AnswerReading& answer) {
  const bool is_first = answer.found_by.empty();
  if (candidate.notation == Notation::kChoice) {
    answer.state = AnswerReading::State::kRead;
    answer.choice = answer.text = candidate.parts[0].text;
    answer.found_by = candidate.found_by;
    if (is_first) answer.first_normal_form = answer.text;
    return true;
  }
  CandidateReading reading = ReadCandidate(candidate, options, budget);
  if (reading.normal_form.empty()) return false;
  if (is_first) answer.first_normal_form = reading.normal_form;
  if (reading.tree.ok()) {
    answer.state = AnswerReading::State::kRead;
    answer.tree = *std::move(reading.tree);
  } else if (is_first) {
    const bool too_large = absl::IsResourceExhausted(reading.tree.status());
    answer.state = too_large ? AnswerReading::State::kTooLarge : AnswerReading::State::kUnparsable;
  }
  if (is_first || reading.tree.ok()) {
    answer.text = std::move(reading.text);
    answer.found_by = candidate.found_by;
  }
  return answer.tree.has_value();
}

bool HasMathematics(std::string_view text) {
  bool has_dollar = false;
  for (size_t at = text.find('$'); at != std::string_view::npos; at = text.find('$', at + 1)) {
    has_dollar |= at == 0 || text[at - 1] != '\\';
  }
  return has_dollar || Contains(text, "\\(") || Contains(text, "\\[") || FindFirstBox(text) != std::string_view::npos;
}

}  // namespace

AnswerReading ReadResponse(std::string_view response, const ReadingOptions& options, WorkBudget& budget) {
  AnswerExtractor extractor(response, options.extraction, budget);
  return ReadFrom(extractor.Next(), extractor, options, budget);
}

AnswerReading ReadFrom(std::optional<Candidate> candidate, AnswerExtractor& extractor, const ReadingOptions& options,
                       WorkBudget& budget) {
  AnswerReading answer;
  answer.is_first = true;
  while (candidate && !Accept(*candidate, options, budget, answer)) {
    answer.is_first = false;
    candidate = extractor.Next();
  }
  return answer;
}

AnswerReading ReadGold(std::string_view gold, const ReadingOptions& options, WorkBudget& budget) {
  if (HasMathematics(gold) || !options.extraction.choices.empty()) {
    AnswerReading answer = ReadResponse(gold, options, budget);
    if (answer.state != AnswerReading::State::kNoAnswer) return answer;
  }
  AnswerReading answer;
  const std::string spaced = absl::StrCat(" ", std::string(Stripped(gold)));
  const std::optional<PlainSpan> plain = MatchPlain(spaced, 0);
  // "1,3" is a list in LaTeX; only where that is not looked for is it a decimal.
  const bool is_list = options.extraction.latex && Contains(gold, ',');
  const bool is_plain = options.extraction.plain && !is_list && plain && plain->end == spaced.size();
  const auto notation = is_plain ? Notation::kPlain : Notation::kLatex;
  if (is_plain || options.extraction.latex) {
    const std::string text = is_plain ? std::string(plain->content) : std::string(gold);
    const Candidate whole{.notation = notation,
                          .parts = {{text, is_plain && plain->is_percent}},
                          .found_by = "text",
                          .begin = 0,
                          .end = gold.size()};
    if (Accept(whole, options, budget, answer) || answer.state == AnswerReading::State::kTooLarge) return answer;
  }
  AnswerReading found = ReadResponse(gold, options, budget);
  return found.state == AnswerReading::State::kRead ? found : answer;
}

}  // namespace maspo
