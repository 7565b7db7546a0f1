#pragma once

#include <map>
#include <string>

#include "learner/objectives/objective.h"

namespace maspo {

// What an update did to its tokens, as sums and counts that add up over micro-batches and ranks. Measured once, outside
// the objectives, and the same for each of them; the README of the reference cases defines every number.
struct PolicyMetrics {
  int64_t tokens = 0;
  double gate_sum = 0;        // F
  int64_t gated = 0;          // Tokens on which the gate or clip acts.
  int64_t clipped = 0;        // (A > 0 and ratio > 1 + high) or (A < 0 and ratio < 1 - low).
  int64_t clipped_lower = 0;  // A < 0 and ratio > dual.
  double kl_sum = 0;          // -(log_prob - old_log_prob), exponent-clamped as in the objective.
  double abs_kl_sum = 0;      // |log_prob - old_log_prob|, not clamped.
  double entropy_sum = 0;     // Nats.
  double ratio_max = 0;       // 0 without tokens.

  void Merge(const PolicyMetrics& other);

  // Means over tokens (0 without tokens) under the README's names: gate_mean, gated_frac, clip_frac, clip_frac_lower,
  // ppo_kl, abs_kl, entropy; and ratio_max.
  std::map<std::string, double> Summary() const;
};

PolicyMetrics MeasurePolicy(const ObjectiveInputs& in, const ObjectiveOutputs& out,
                            const PolicyObjective::ClipBounds& bounds);

}  // namespace maspo
