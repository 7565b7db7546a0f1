#include "rollout_worker/rollout/rollout_metrics.h"

namespace maspo {

RolloutMetrics::RolloutMetrics(Metrics& metrics)
    : response_tokens(metrics.AddCounter("maspo_rollout_response_tokens_total", "Response tokens sampled")),
      prompt_tokens(
          metrics.AddCounter("maspo_rollout_prompt_tokens_total", "Prompt tokens prefilled, recomputation included")),
      groups(metrics.AddCounter("maspo_rollout_groups_total", "Groups handed to scoring")),
      preemptions(metrics.AddCounter("maspo_rollout_preemptions_total", "Sequences whose KV blocks were taken away")),
      generate_seconds(metrics.AddHistogram("maspo_rollout_group_generate_seconds",
                                            "From a group's first forward to its last response",
                                            GeometricBounds(0.0625, 2, 16))),
      receive_seconds(metrics.AddHistogram("maspo_rollout_weights_receive_seconds",
                                           "From the plan of a broadcast to verified weights",
                                           GeometricBounds(0.0078125, 2, 16))),
      policy_version(
          metrics.AddGauge("maspo_rollout_policy_version", "Policy version being served; -1 before the first")),
      kv_utilization(metrics.AddGauge("maspo_rollout_kv_utilization_ratio", "Share of KV blocks in use")),
      running_sequences(metrics.AddGauge("maspo_rollout_running_sequences", "Sequences being decoded")),
      waiting_sequences(
          metrics.AddGauge("maspo_rollout_waiting_sequences", "Sequences waiting for a slot or for blocks")),
      held_groups(metrics.AddGauge("maspo_rollout_held_groups", "Groups leased and not yet submitted")) {
  policy_version.Set(-1);
}

void RolloutMetrics::Show(const RolloutEngine::Stats& stats) {
  response_tokens.Increment(static_cast<double>(stats.response_tokens - shown_.response_tokens));
  prompt_tokens.Increment(static_cast<double>(stats.prompt_tokens - shown_.prompt_tokens));
  preemptions.Increment(static_cast<double>(stats.preemptions - shown_.preemptions));
  shown_ = stats;
  policy_version.Set(static_cast<double>(stats.policy_version));
  kv_utilization.Set(stats.kv_utilization);
  running_sequences.Set(stats.running_sequences);
  waiting_sequences.Set(stats.waiting_sequences);
}

}  // namespace maspo
