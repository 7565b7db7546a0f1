#pragma once

#include <cstddef>
#include <cstdint>

#include "absl/types/span.h"
#include "learner/objectives/log_ratio_histogram.h"

namespace maspo {

// What an update did to its tokens, as sums and counts that add up over micro-batches and ranks. Measured once, outside
// the objectives, and the same for each of them. rho = ratio of current to old probability, d = log rho.
struct PolicyMetrics {
  // Tokens of one sign of the advantage.
  struct Gate {
    int64_t tokens = 0;
    double sum = 0;     // F
    int64_t gated = 0;  // Tokens on which the gate or clip acts.
    void Merge(const Gate& other);
  };
  Gate positive, negative, zero;  // A > 0, A < 0, A = 0.

  int64_t tokens = 0;
  int64_t zero_gradient = 0;  // Tokens whose log-probability has gradient 0.
  int64_t bounded = 0;        // A < 0 and rho beyond the objective's bound for it.
  int64_t clipped = 0;        // By the objective's own count, else beyond ClipMeasure.
  int64_t clipped_lower = 0;
  double k1_sum = 0, k2_sum = 0,
         k3_sum = 0;       // KL(old || current): -d, d^2 / 2, rho - 1 - d; d limited as in the objective.
  double abs_kl_sum = 0;   // |d|, not limited.
  double entropy_sum = 0;  // Nats.
  double ratio_sum = 0, ratio_squares = 0;
  double ratio_max = 0;  // 0 without tokens.
  LogRatioHistogram log_ratios;

  void Merge(const PolicyMetrics& other);

  Gate all() const;  // Of every sign.

  // All of it as numbers, exactly, on its way between ranks: kNumbers of them.
  static constexpr size_t kNumbers = 9 + 13 + LogRatioHistogram::kBins;
  void WriteTo(absl::Span<double> numbers) const;
  static PolicyMetrics ReadFrom(absl::Span<const double> numbers);
};

}  // namespace maspo
