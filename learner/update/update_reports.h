#pragma once

#include <algorithm>
#include <cstdint>

#include "learner/objectives/policy_metrics.h"

namespace maspo {

// What the current policy says about a step's sampled tokens, over all of them.
struct LogprobStatistics {
  int64_t tokens = 0;
  double entropy_mean = 0;       // Nats per token.
  double mismatch_abs_mean = 0;  // |learner's - sampler's log-probability|, nats.
  double mismatch_abs_max = 0;
};

// One optimizer step over one mini-batch.
struct UpdateResult {
  double loss = 0;
  double grad_norm = 0;  // Before clipping.
  bool applied = false;  // False: loss or gradient was not finite, and nothing changed.
  PolicyMetrics metrics;
};

// The optimizer steps of a training step.
struct UpdateStatistics {
  int64_t updates = 0;  // Skipped ones included.
  int64_t skipped = 0;
  double loss_sum = 0, grad_norm_sum = 0, grad_norm_max = 0;  // Of those that were applied.
  PolicyMetrics metrics;

  void Add(const UpdateResult& result) {
    ++updates;
    skipped += !result.applied;
    if (!result.applied) return;
    metrics.Merge(result.metrics);
    loss_sum += result.loss;
    grad_norm_sum += result.grad_norm;
    grad_norm_max = std::max(grad_norm_max, result.grad_norm);
  }
};

}  // namespace maspo
