#include "reward_server/verification/answer_verifier.h"

#include <cmath>
#include <exception>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "reward_server/prime_math/prime_math.h"
#include "reward_server/verification/answer_comparison.h"
#include "reward_server/verification/printable_text.h"
#include "reward_server/work_budget.h"
#include "services/base/status_macros.h"
#include "services/base/steady_clock.h"

namespace maspo {
namespace {

v1::Verdict VerdictOf(Comparison::Outcome outcome) {
  switch (outcome) {
    case Comparison::Outcome::kEqual:
      return v1::VERDICT_CORRECT;
    case Comparison::Outcome::kDifferent:
    case Comparison::Outcome::kUnknown:
      return v1::VERDICT_WRONG;
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

// An allowed choice against another one, or against a gold answer in letters: $B$.
bool SameChoice(const AnswerReading& gold, const AnswerReading& answer) {
  if (!gold.choice.empty() && !answer.choice.empty()) return gold.choice == answer.choice;
  const AnswerReading& read = gold.tree ? gold : answer;
  const std::string& choice = gold.tree ? answer.choice : gold.choice;
  return read.tree && LettersOf(*read.tree) == LettersOf(Expression::Symbol(choice));
}

// What follows from both answers, as far as they could be read.
void DecideBy(AnswerReading gold, AnswerReading response, const ComparisonOptions& options, WorkBudget& budget,
              v1::VerifiedAnswer& answer) {
  answer.set_gold_answer(PrintableText(gold.text));
  answer.set_answer(PrintableText(response.text));

  if (budget.exhausted()) return Decide(v1::VERDICT_TIMEOUT, "deadline", answer);
  if (response.state == AnswerReading::State::kNoAnswer) return Decide(v1::VERDICT_NO_ANSWER, "extraction", answer);
  const bool same_text = !gold.first_normal_form.empty() && gold.first_normal_form == response.first_normal_form;
  const bool either_is_choice = !gold.choice.empty() || !response.choice.empty();
  if (either_is_choice && gold.state == AnswerReading::State::kRead) {
    return Decide(SameChoice(gold, response) ? v1::VERDICT_CORRECT : v1::VERDICT_WRONG, "choice", answer);
  }
  if (!gold.tree || !response.tree) {
    if (same_text) return Decide(v1::VERDICT_CORRECT, "same text", answer);
    return Decide(v1::VERDICT_UNPARSABLE, response.tree ? "gold_answer" : "answer", answer);
  }
  const Comparison comparison =
      AnswerComparison(options, budget).Compare(*std::move(gold.tree), *std::move(response.tree));
  if (!comparison.is_equal() && same_text) return Decide(v1::VERDICT_CORRECT, "same text", answer);
  Decide(VerdictOf(comparison.outcome), comparison.decided_by, answer);
}

void DecideByPrimeMath(const v1::VerifyItem& item, WorkBudget& budget, v1::VerifiedAnswer& answer) {
  const PrimeMathJudgement judgement = JudgeByPrimeMath(item.gold_answer(), item.response(), budget);
  answer.set_gold_answer(PrintableText(item.gold_answer()));
  if (judgement.is_announced || judgement.comparison.is_equal()) answer.set_answer(PrintableText(judgement.answer));
  const bool is_missing = !judgement.is_announced && judgement.comparison.outcome == Comparison::Outcome::kDifferent;
  if (is_missing) return Decide(v1::VERDICT_NO_ANSWER, "extraction", answer);
  Decide(VerdictOf(judgement.comparison.outcome), judgement.comparison.decided_by, answer);
}

// The options of each source that has rules of its own, from SOURCE=NAME and NAME.
absl::StatusOr<absl::flat_hash_map<std::string, VerificationOptions>> BySource(const AnswerVerifier::Options& options) {
  absl::flat_hash_map<std::string, VerificationOptions> by_source = {{"", options.verification}};
  for (const std::string& entry : options.rule_sets) {
    const size_t equals = entry.rfind('=');
    const std::string source = equals == std::string::npos ? "" : entry.substr(0, equals);
    const absl::StatusOr<RuleSet> rules = RuleSetFrom(equals == std::string::npos ? entry : entry.substr(equals + 1));
    if (!rules.ok() || equals == 0) {
      return absl::InvalidArgumentError(absl::StrCat(
          "reward.rule_sets: \"", entry, "\" must be NAME or SOURCE=NAME with NAME one of default, prime_math"));
    }
    VerificationOptions verification = options.verification;
    verification.rules = *rules;
    by_source[source] = std::move(verification);
  }
  return by_source;
}

}  // namespace

absl::StatusOr<RuleSet> RuleSetFrom(std::string_view name) {
  if (name == "default") return RuleSet::kDefault;
  if (name == "prime_math") return RuleSet::kPrimeMath;
  return absl::InvalidArgumentError("a rule set is one of default, prime_math");
}

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
  const int places = options.verification.comparison.decimal_places;
  if (places < 0 || places > 100) {
    return absl::InvalidArgumentError(absl::StrCat("decimals are compared to 0 to 100 places, not ", places));
  }
  MASPO_ASSIGN_OR_RETURN(OptionsBySource by_source, BySource(options));
  return std::unique_ptr<AnswerVerifier>(new AnswerVerifier(options, std::move(by_source)));
}

AnswerVerifier::AnswerVerifier(const Options& options, OptionsBySource by_source)
    : options_(options),
      by_source_(std::move(by_source)),
      cache_(options.cache_bytes > 0 ? std::make_unique<VerdictCache>(options.cache_bytes) : nullptr) {}

absl::StatusOr<std::vector<v1::VerifiedAnswer>> AnswerVerifier::Score(const std::vector<v1::VerifyItem>& items,
                                                                      absl::Time deadline) {
  std::vector<v1::VerifiedAnswer> answers;
  answers.reserve(items.size());
  for (const v1::VerifyItem& item : items) {
    if (SteadyNow() >= deadline) {
      return absl::DeadlineExceededError(
          absl::StrCat("verified ", answers.size(), " of ", items.size(), " answers before the deadline"));
    }
    answers.push_back(Verify(item));
  }
  return answers;
}

v1::VerifiedAnswer AnswerVerifier::Verify(const v1::VerifyItem& item) const {
  const auto found = by_source_.find(item.source());
  return Verify(item, found == by_source_.end() ? by_source_.at("") : found->second, cache_.get());
}

v1::VerifiedAnswer AnswerVerifier::Verify(const v1::VerifyItem& item, const VerificationOptions& verification) const {
  return Verify(item, verification, /*cache=*/nullptr);
}

v1::VerifiedAnswer AnswerVerifier::Verify(const v1::VerifyItem& item, const VerificationOptions& verification,
                                          VerdictCache* cache) const {
  const absl::Time start = SteadyNow();
  v1::VerifiedAnswer answer;
  try {
    Judge(item, verification, cache, answer);
  } catch (const std::exception&) {  // Out of memory: of the verifier, not of the response.
    Decide(v1::VERDICT_CRASHED, "exception", answer);
  }
  answer.set_id(item.id());
  answer.set_reward(RewardOf(answer.verdict()));
  answer.set_micros(absl::ToInt64Microseconds(SteadyNow() - start));
  return answer;
}

void AnswerVerifier::Judge(const v1::VerifyItem& item, const VerificationOptions& verification, VerdictCache* cache,
                           v1::VerifiedAnswer& answer) const {
  if (options_.truncated_is_no_answer && item.finish_reason() == v1::FINISH_REASON_LENGTH) {
    return Decide(v1::VERDICT_NO_ANSWER, "truncated", answer);
  }
  WorkBudget budget(options_.answer_deadline);
  if (verification.rules == RuleSet::kPrimeMath) return DecideByPrimeMath(item, budget, answer);
  AnswerExtractor extractor(item.response(), verification.response.extraction, budget);
  std::optional<Candidate> candidate = extractor.Next();
  if (cache == nullptr || !candidate || budget.exhausted()) {
    Compare(item, verification, std::move(candidate), extractor, budget, answer);
    return;
  }
  std::string key = VerdictCache::KeyOf(item.source(), item.gold_answer(), *candidate);
  if (cache->Find(key, answer)) return answer.set_cache(v1::CACHE_LOOKUP_HIT);
  if (Compare(item, verification, std::move(candidate), extractor, budget, answer)) {
    cache->Insert(std::move(key), answer);
  }
  answer.set_cache(v1::CACHE_LOOKUP_MISS);
}

bool AnswerVerifier::Compare(const v1::VerifyItem& item, const VerificationOptions& verification,
                             std::optional<Candidate> candidate, AnswerExtractor& extractor, WorkBudget& budget,
                             v1::VerifiedAnswer& answer) const {
  AnswerReading gold = ReadGold(item.gold_answer(), verification.gold, budget);
  AnswerReading response = ReadFrom(std::move(candidate), extractor, verification.response, budget);
  const bool is_first = response.is_first;
  DecideBy(std::move(gold), std::move(response), verification.comparison, budget, answer);
  return is_first && !budget.exhausted() && answer.verdict() != v1::VERDICT_TIMEOUT;
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
