#pragma once

#include <map>
#include <string>

#include "learner/objectives/log_ratio_histogram.h"
#include "learner/objectives/objective.h"

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

  // By the names of docs/metrics.md, "policy/...": shares and means over tokens, 0 without tokens.
  std::map<std::string, double> Summary() const;
};

// What clip_fraction is measured against where the objective has no bounds of its own: the usual ones.
struct ClipMeasure {
  double low = 0.2, high = 0.2;  // (A > 0 and rho > 1 + high) or (A < 0 and rho < 1 - low)
  double dual = 3.0;             // A < 0 and rho > dual
};

// `gradient_T` is that of the loss with respect to in.logprobs_T, after backward.
PolicyMetrics MeasurePolicy(const ObjectiveInputs& in, const ObjectiveOutputs& out, const torch::Tensor& gradient_T,
                            double log_ratio_limit, const ClipMeasure& measure = {});

}  // namespace maspo
