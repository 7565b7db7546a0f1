#include "learner/objectives/policy_metrics.h"

#include <algorithm>

namespace maspo {

void PolicyMetrics::Merge(const PolicyMetrics& other) {
  tokens += other.tokens;
  gate_sum += other.gate_sum;
  gated += other.gated;
  clipped += other.clipped;
  clipped_lower += other.clipped_lower;
  kl_sum += other.kl_sum;
  abs_kl_sum += other.abs_kl_sum;
  entropy_sum += other.entropy_sum;
  ratio_max = std::max(ratio_max, other.ratio_max);
}

std::map<std::string, double> PolicyMetrics::Summary() const {
  const double n = static_cast<double>(std::max<int64_t>(tokens, 1));
  return {{"gate_mean", gate_sum / n},
          {"gated_frac", static_cast<double>(gated) / n},
          {"clip_frac", static_cast<double>(clipped) / n},
          {"clip_frac_lower", static_cast<double>(clipped_lower) / n},
          {"ppo_kl", kl_sum / n},
          {"abs_kl", abs_kl_sum / n},
          {"entropy", entropy_sum / n},
          {"ratio_max", ratio_max}};
}

PolicyMetrics MeasurePolicy(const ObjectiveInputs& in, const ObjectiveOutputs& out,
                            const PolicyObjective::ClipBounds& bounds) {
  const torch::NoGradGuard no_grad;
  PolicyMetrics metrics;
  metrics.tokens = in.logprobs_T.numel();
  if (metrics.tokens == 0) return metrics;
  const auto log_ratio_T = in.logprobs_T.detach() - in.old_logprobs_T;
  const auto clamped_T = torch::clamp(log_ratio_T, -bounds.log_ratio_limit, bounds.log_ratio_limit);
  const auto ratio_T = torch::exp(clamped_T);
  const auto positive_T = in.advantages_T > 0;
  const auto negative_T = in.advantages_T < 0;
  const auto clipped_T = torch::logical_or(torch::logical_and(positive_T, ratio_T > 1 + bounds.high),
                                           torch::logical_and(negative_T, ratio_T < 1 - bounds.low));
  const auto clipped_lower_T = torch::logical_and(negative_T, ratio_T > bounds.dual);
  const auto gated_T = out.gated_T.defined() ? out.gated_T : torch::zeros_like(positive_T);
  // One transfer from the device for all of them.
  const auto sums = torch::stack({out.gate_T.sum(torch::kDouble), gated_T.sum(torch::kDouble),
                                  clipped_T.sum(torch::kDouble), clipped_lower_T.sum(torch::kDouble),
                                  -clamped_T.sum(torch::kDouble), log_ratio_T.abs().sum(torch::kDouble),
                                  in.entropy_T.detach().sum(torch::kDouble), ratio_T.max().to(torch::kDouble)})
                        .cpu();
  const double* s = sums.const_data_ptr<double>();
  metrics.gate_sum = s[0];
  metrics.gated = static_cast<int64_t>(s[1]);
  metrics.clipped = static_cast<int64_t>(s[2]);
  metrics.clipped_lower = static_cast<int64_t>(s[3]);
  metrics.kl_sum = s[4];
  metrics.abs_kl_sum = s[5];
  metrics.entropy_sum = s[6];
  metrics.ratio_max = s[7];
  return metrics;
}

}  // namespace maspo
