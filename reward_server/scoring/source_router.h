#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "reward_server/scoring/scoring_metrics.h"
#include "services/base/metrics.h"
#include "services/base/steady_mutex.h"
#include "services/reward/answer_scorer.h"

namespace maspo {

// Sends the items of some data sources to scorers of their own, and all others to the verifier.
//
//   items -> source has a scorer? -> at most batch_items a call, at most `concurrency` calls at a time -> its answers
//                                    -> it failed: the verdict of its items is TIMEOUT or CRASHED, never WRONG
//         -> otherwise -> the verifier
//
// Score() returns what the verifier returns for its items; an external scorer fails only its own items.
//
// Thread-safe.
class SourceRouter final : public AnswerScorer {
 public:
  struct Options {
    size_t batch_items = 64;
    int concurrency = 8;  // Of each external scorer.
  };
  // What is added to the reward that an external scorer gave: the terms of reward.terms.
  using Terms = std::function<double(const v1::VerifyItem& item, v1::Verdict verdict)>;

  // `verifier` and `metrics` outlive the router.
  SourceRouter(AnswerScorer* verifier, Terms terms, const Options& options, Metrics& metrics);

  // Before the first Score(). A source has one scorer.
  void Add(const std::string& source, std::unique_ptr<AnswerScorer> scorer);

  absl::StatusOr<std::vector<v1::VerifiedAnswer>> Score(const std::vector<v1::VerifyItem>& items,
                                                        absl::Time deadline) override;

 private:
  using Answers = std::vector<v1::VerifiedAnswer>;
  struct External {
    External(std::string source, std::unique_ptr<AnswerScorer> scorer, int concurrency)
        : source(std::move(source)), scorer(std::move(scorer)), free_calls(concurrency) {}

    const std::string source;
    const std::unique_ptr<AnswerScorer> scorer;
    SteadyMutex mutex;
    int free_calls ABSL_GUARDED_BY(mutex);

    bool IsFree() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) { return free_calls > 0; }
  };
  absl::Status ScoreVerified(const std::vector<v1::VerifyItem>& items, const std::vector<size_t>& places,
                             absl::Time deadline, Answers& answers);
  void ScoreExternally(External& external, const std::vector<v1::VerifyItem>& items, const std::vector<size_t>& places,
                       absl::Time deadline, Answers& answers);
  absl::StatusOr<Answers> Call(External& external, const std::vector<v1::VerifyItem>& items, absl::Time deadline);

  AnswerScorer* const verifier_;
  const Terms terms_;
  const Options options_;
  ScoringMetrics metrics_;
  prometheus::Counter& failures_;
  absl::flat_hash_map<std::string, std::unique_ptr<External>> external_;  // By source.
};

}  // namespace maspo
