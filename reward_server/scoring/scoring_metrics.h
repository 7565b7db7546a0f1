#pragma once

#include <array>
#include <vector>

#include "proto/reward.pb.h"
#include "services/base/metrics.h"

namespace maspo {

// What a reward server tells Prometheus about its work.
//
// Thread-safe.
class ScoringMetrics {
 public:
  explicit ScoringMetrics(Metrics& metrics);

  void CountBatch(size_t items) { batch_items_.Observe(static_cast<double>(items)); }
  void SetWaiting(size_t items) { waiting_items_.Set(static_cast<double>(items)); }
  void CountAnswers(const std::vector<v1::VerifiedAnswer>& answers);

 private:
  std::array<prometheus::Counter*, v1::Verdict_ARRAYSIZE> verdicts_{};           // By verdict; none for UNSPECIFIED.
  std::array<prometheus::Counter*, v1::CacheLookup_ARRAYSIZE> cache_lookups_{};  // By result; none for UNSPECIFIED.
  prometheus::Histogram& answer_seconds_;
  prometheus::Histogram& batch_items_;
  prometheus::Gauge& waiting_items_;
};

}  // namespace maspo
