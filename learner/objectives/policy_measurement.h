#pragma once

#include "learner/objectives/log_ratio_histogram.h"
#include "learner/objectives/objective.h"
#include "learner/objectives/policy_metrics.h"

namespace maspo {

// What clip_fraction is measured against where the objective has no bounds of its own: the usual ones.
struct ClipMeasure {
  double low = 0.2, high = 0.2;  // (A > 0 and rho > 1 + high) or (A < 0 and rho < 1 - low)
  double dual = 3.0;             // A < 0 and rho > dual
};

// `gradient_T` is that of the loss with respect to in.logprobs_T, after backward.
PolicyMetrics MeasurePolicy(const ObjectiveInputs& in, const ObjectiveOutputs& out, const torch::Tensor& gradient_T,
                            double log_ratio_limit, const ClipMeasure& measure = {});

LogRatioHistogram HistogramOf(const torch::Tensor& log_ratio_T);

}  // namespace maspo
