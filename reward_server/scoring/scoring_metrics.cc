#include "reward_server/scoring/scoring_metrics.h"

#include "services/reward/verdict_name.h"

namespace maspo {
namespace {

constexpr char kLookups[] = "maspo_reward_cache_lookups_total";
constexpr char kLookupsHelp[] = "Answers looked up among the pairs that were compared before, by result";

}  // namespace

ScoringMetrics::ScoringMetrics(Metrics& metrics)
    : answer_seconds_(metrics.AddHistogram("maspo_reward_answer_seconds", "Time to verify one answer",
                                           GeometricBounds(1e-6, 4, 10))),
      batch_items_(metrics.AddHistogram("maspo_reward_batch_items", "Answers per batch", GeometricBounds(1, 2, 13))),
      waiting_items_(metrics.AddGauge("maspo_reward_waiting_items", "Answers accepted and not yet verified")) {
  for (int verdict = v1::VERDICT_CORRECT; verdict < v1::Verdict_ARRAYSIZE; ++verdict) {
    verdicts_[verdict] = &metrics.AddCounter("maspo_reward_verdicts_total", "Answers verified, by verdict",
                                             {{"verdict", VerdictName(static_cast<v1::Verdict>(verdict))}});
  }
  cache_lookups_[v1::CACHE_LOOKUP_HIT] = &metrics.AddCounter(kLookups, kLookupsHelp, {{"result", "hit"}});
  cache_lookups_[v1::CACHE_LOOKUP_MISS] = &metrics.AddCounter(kLookups, kLookupsHelp, {{"result", "miss"}});
}

void ScoringMetrics::CountAnswers(const std::vector<v1::VerifiedAnswer>& answers) {
  for (const v1::VerifiedAnswer& answer : answers) {
    if (prometheus::Counter* counter = verdicts_[answer.verdict()]) counter->Increment();
    if (prometheus::Counter* counter = cache_lookups_[answer.cache()]) counter->Increment();
    answer_seconds_.Observe(answer.micros() * 1e-6);
  }
}

}  // namespace maspo
