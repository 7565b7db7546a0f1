#pragma once

#include "rollout_worker/engine/rollout_engine.h"
#include "services/base/metrics.h"

namespace maspo {

// What a rollout worker counts. Thread-safe, but for Show(): the engine's thread.
struct RolloutMetrics {
  explicit RolloutMetrics(Metrics& metrics);

  void Show(const RolloutEngine::Stats& stats);

  prometheus::Counter& response_tokens;
  prometheus::Counter& prompt_tokens;
  prometheus::Counter& groups;
  prometheus::Counter& preemptions;
  prometheus::Histogram& generate_seconds;
  prometheus::Histogram& receive_seconds;
  prometheus::Gauge& policy_version;
  prometheus::Gauge& kv_utilization;
  prometheus::Gauge& running_sequences;
  prometheus::Gauge& waiting_sequences;
  prometheus::Gauge& held_groups;

 private:
  RolloutEngine::Stats shown_;  // By the counters.
};

}  // namespace maspo
