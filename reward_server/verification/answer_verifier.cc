#include "reward_server/verification/answer_verifier.h"

#include <cmath>
#include <exception>
#include <optional>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "reward_server/text.h"
#include "reward_server/verification/answer_parser.h"
#include "reward_server/verification/printable_text.h"
#include "services/base/status_macros.h"

namespace maspo {
namespace {

// What was found in a response: nothing, a text, or a text that could be read.
struct ResponseAnswer {
  std::optional<std::string> text;
  absl::StatusOr<ParsedAnswer> parsed = absl::NotFoundError("no answer");
};

// The best candidate that can be read; when none can, the best one.
ResponseAnswer ReadResponse(std::string_view response, WorkBudget& budget) {
  ResponseAnswer answer;
  AnswerExtractor extractor(response, budget);
  while (std::optional<ExtractedAnswer> candidate = extractor.Next()) {
    if (Stripped(candidate->text).empty()) continue;
    absl::StatusOr<ParsedAnswer> parsed = ParseAnswer(candidate->text, candidate->notation, budget);
    const bool readable = parsed.ok();
    if (readable || !answer.text) answer = {std::move(candidate->text), std::move(parsed)};
    if (readable) break;
  }
  return answer;
}

v1::Verdict VerdictOf(Comparison::Outcome outcome) {
  switch (outcome) {
    case Comparison::Outcome::kEqual:
      return v1::VERDICT_CORRECT;
    case Comparison::Outcome::kDifferent:
      return v1::VERDICT_WRONG;
    case Comparison::Outcome::kUnreadable:
    case Comparison::Outcome::kTooLarge:
      return v1::VERDICT_UNPARSABLE;
    case Comparison::Outcome::kDeadline:
      return v1::VERDICT_TIMEOUT;
  }
  return v1::VERDICT_CRASHED;
}

void Decide(v1::Verdict verdict, std::string_view decided_by, v1::VerifiedAnswer& answer) {
  answer.set_verdict(verdict);
  answer.set_decided_by(std::string(decided_by));
}

}  // namespace

absl::StatusOr<std::unique_ptr<AnswerVerifier>> AnswerVerifier::Create(const Options& options) {
  if (!std::isfinite(options.correct) || !std::isfinite(options.incorrect) || options.correct <= options.incorrect) {
    return absl::InvalidArgumentError(absl::StrCat("the reward of a correct answer (", options.correct,
                                                   ") must be finite and above that of an incorrect one (",
                                                   options.incorrect, ")"));
  }
  if (options.answer_deadline <= absl::ZeroDuration()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the deadline of an answer must be above 0, not ", absl::FormatDuration(options.answer_deadline)));
  }
  if (options.decimal_places < 0 || options.decimal_places > 100) {
    return absl::InvalidArgumentError(
        absl::StrCat("decimals are compared to 0 to 100 places, not ", options.decimal_places));
  }
  return std::unique_ptr<AnswerVerifier>(new AnswerVerifier(options));
}

absl::StatusOr<std::vector<v1::VerifiedAnswer>> AnswerVerifier::Score(const std::vector<v1::VerifyItem>& items,
                                                                      absl::Time deadline) {
  std::vector<v1::VerifiedAnswer> answers;
  answers.reserve(items.size());
  for (const v1::VerifyItem& item : items) {
    if (absl::Now() >= deadline) {
      return absl::DeadlineExceededError(
          absl::StrCat("verified ", answers.size(), " of ", items.size(), " answers before the deadline"));
    }
    answers.push_back(Verify(item));
  }
  return answers;
}

v1::VerifiedAnswer AnswerVerifier::Verify(const v1::VerifyItem& item) const {
  const absl::Time start = absl::Now();
  v1::VerifiedAnswer answer;
  try {
    Judge(item, answer);
  } catch (const std::exception&) {  // Out of memory: of the verifier, not of the response.
    Decide(v1::VERDICT_CRASHED, "exception", answer);
  }
  answer.set_id(item.id());
  answer.set_reward(RewardOf(answer.verdict()));
  answer.set_micros(absl::ToInt64Microseconds(absl::Now() - start));
  return answer;
}

void AnswerVerifier::Judge(const v1::VerifyItem& item, v1::VerifiedAnswer& answer) const {
  if (options_.truncated_is_no_answer && item.finish_reason() == v1::FINISH_REASON_LENGTH) {
    return Decide(v1::VERDICT_NO_ANSWER, "truncated", answer);
  }
  WorkBudget budget(options_.answer_deadline);
  const ExtractedAnswer gold_text = ExtractGold(item.gold_answer(), budget);
  const absl::StatusOr<ParsedAnswer> gold = ParseAnswer(gold_text.text, gold_text.notation, budget);
  const ResponseAnswer response = ReadResponse(item.response(), budget);
  answer.set_gold_answer(PrintableText(gold_text.text));
  answer.set_answer(PrintableText(response.text.value_or("")));

  if (budget.exhausted()) return Decide(v1::VERDICT_TIMEOUT, "deadline", answer);
  if (!response.text) return Decide(v1::VERDICT_NO_ANSWER, "extraction", answer);
  if (!response.parsed.ok()) return Decide(v1::VERDICT_UNPARSABLE, "answer", answer);
  if (!gold.ok()) return Decide(v1::VERDICT_UNPARSABLE, "gold_answer", answer);
  const Comparison comparison = CompareAnswers(*gold, *response.parsed, options_.decimal_places, budget);
  Decide(VerdictOf(comparison.outcome), comparison.decided_by, answer);
}

double AnswerVerifier::RewardOf(v1::Verdict verdict) const {
  switch (verdict) {
    case v1::VERDICT_CORRECT:
      return options_.correct;
    case v1::VERDICT_WRONG:
    case v1::VERDICT_NO_ANSWER:
    case v1::VERDICT_UNPARSABLE:
      return options_.incorrect;
    default:
      return 0;
  }
}

}  // namespace maspo
