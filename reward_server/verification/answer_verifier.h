#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "proto/reward.pb.h"
#include "reward_server/verification/answer_reader.h"
#include "reward_server/verification/comparison.h"
#include "reward_server/verification/verdict_cache.h"
#include "services/reward/answer_scorer.h"

namespace maspo {

// By whose rules a pair is judged: those of docs/verification.md, or those of the metric prime_math, which has no
// options of its own.
enum class RuleSet { kDefault, kPrimeMath };
absl::StatusOr<RuleSet> RuleSetFrom(std::string_view name);  // "default", "prime_math"

// How one pair is read and compared.
struct VerificationOptions {
  RuleSet rules = RuleSet::kDefault;
  ReadingOptions response = {};
  ReadingOptions gold = {};
  ComparisonOptions comparison = {};
};

// Decides whether the final answer of a response equals the gold answer.
//
//   response -> AnswerExtractor -> NormalizeLatex -> ParseAnswer -.
//                                                                 AnswerComparison -> verdict -> reward
//   gold -----------------------> NormalizeLatex -> ParseAnswer -'
//
// Responses are untrusted: any bytes get a verdict within the deadline, nothing throws, memory is bounded by
// reward_server/limits.h. A response says nothing about what TIMEOUT and CRASHED say: the verifier failed.
//
// With cache_bytes, a pair of gold answer and answer that was compared before is not compared again; its verdict is the
// same. Verdicts of the verifier's own failures are not kept.
//
// Thread-safe; Score() works on the calling thread.
class AnswerVerifier final : public AnswerScorer {
 public:
  struct Options {
    double correct = 1.0;                // Reward of CORRECT.
    double incorrect = -1.0;             // Reward of WRONG, NO_ANSWER and UNPARSABLE.
    bool truncated_is_no_answer = true;  // A response cut off by length has no answer, whatever it says.
    absl::Duration answer_deadline = absl::Milliseconds(20);  // CPU time per answer.
    VerificationOptions verification = {};
    // Rule sets by the source of an item, as SOURCE=NAME; NAME alone is for all other sources.
    std::vector<std::string> rule_sets = {};
    size_t cache_bytes = 0;  // Of verdicts of repeated pairs, judged by these options; 0: none are kept.
  };
  // InvalidArgument: names the option, its value and what is allowed.
  static absl::StatusOr<std::unique_ptr<AnswerVerifier>> Create(const Options& options);

  // One verdict for each item. DeadlineExceeded: the items took longer than the deadline; nothing is returned.
  absl::StatusOr<std::vector<v1::VerifiedAnswer>> Score(const std::vector<v1::VerifyItem>& items,
                                                        absl::Time deadline) override;

  // By the rules of the item's source, and by the given ones.
  v1::VerifiedAnswer Verify(const v1::VerifyItem& item) const;
  v1::VerifiedAnswer Verify(const v1::VerifyItem& item, const VerificationOptions& verification) const;

 private:
  using OptionsBySource = absl::flat_hash_map<std::string, VerificationOptions>;

  AnswerVerifier(const Options& options, OptionsBySource by_source);

  // `cache` holds verdicts by these options, or is null.
  v1::VerifiedAnswer Verify(const v1::VerifyItem& item, const VerificationOptions& verification,
                            VerdictCache* cache) const;
  void Judge(const v1::VerifyItem& item, const VerificationOptions& verification, VerdictCache* cache,
             v1::VerifiedAnswer& answer) const;
  // Whether the verdict follows from the gold answer and `candidate` alone, which is what the extractor proposed first.
  bool Compare(const v1::VerifyItem& item, const VerificationOptions& verification, std::optional<Candidate> candidate,
               AnswerExtractor& extractor, WorkBudget& budget, v1::VerifiedAnswer& answer) const;
  double RewardOf(v1::Verdict verdict) const;

  const Options options_;
  const OptionsBySource by_source_;            // "": of all other sources.
  const std::unique_ptr<VerdictCache> cache_;  // Null without cache_bytes.
};

}  // namespace maspo
