#include "learner/objectives/policy_measurement.h"

namespace maspo {
namespace {

torch::Tensor Count(const torch::Tensor& mask_T) { return mask_T.sum(torch::kDouble); }
torch::Tensor Sum(const torch::Tensor& x_T) { return x_T.detach().sum(torch::kDouble); }

torch::Tensor OrNowhere(const torch::Tensor& mask_T, const torch::Tensor& like_T) {
  return mask_T.defined() ? mask_T : torch::zeros_like(like_T, torch::kBool);
}

// Tokens, sum of F and gated tokens of a sign.
torch::Tensor GateSums(const torch::Tensor& sign_T, const ObjectiveOutputs& out) {
  const auto gated_T = torch::logical_and(sign_T, OrNowhere(out.gated_T, sign_T));
  return torch::stack(
      {Count(sign_T), Sum(torch::where(sign_T, out.gate_T, torch::zeros_like(out.gate_T))), Count(gated_T)});
}

// Clipped and lower-clipped tokens.
torch::Tensor ClipCounts(const ObjectiveInputs& in, const ObjectiveOutputs& out, const torch::Tensor& ratio_T,
                         const ClipMeasure& measure) {
  const auto& a_T = in.advantages_T;
  auto clipped_T = out.clipped_T;
  if (!clipped_T.defined()) {
    clipped_T = torch::logical_or(torch::logical_and(a_T > 0, ratio_T > 1 + measure.high),
                                  torch::logical_and(a_T < 0, ratio_T < 1 - measure.low));
  }
  auto lower_T = out.clipped_lower_T;
  if (!lower_T.defined()) lower_T = torch::logical_and(ratio_T > measure.dual, a_T < 0);
  return torch::stack({Count(clipped_T), Count(lower_T)});
}

PolicyMetrics::Gate ReadGate(const double* s) {
  return {.tokens = static_cast<int64_t>(s[0]), .sum = s[1], .gated = static_cast<int64_t>(s[2])};
}

}  // namespace

LogRatioHistogram HistogramOf(const torch::Tensor& log_ratio_T) {
  using H = LogRatioHistogram;
  const auto limited_T = torch::clamp(log_ratio_T.detach().to(torch::kDouble), -H::kLargest, H::kLargest);
  const auto d_T = limited_T.masked_select(limited_T == limited_T);
  const auto side_T = torch::round(H::kBinsPerFactorE * torch::log1p(d_T.abs() / H::kFinest)) * torch::sign(d_T);
  const auto bins_T = torch::clamp(side_T + H::kSideBins, 0, H::kBins - 1).to(torch::kLong);
  const auto counts = torch::bincount(bins_T, /*weights=*/{}, /*minlength=*/H::kBins).cpu();
  return LogRatioHistogram(absl::MakeConstSpan(counts.const_data_ptr<int64_t>(), H::kBins));
}

PolicyMetrics MeasurePolicy(const ObjectiveInputs& in, const ObjectiveOutputs& out, const torch::Tensor& gradient_T,
                            double log_ratio_limit, const ClipMeasure& measure) {
  const torch::NoGradGuard no_grad;
  PolicyMetrics metrics;
  metrics.tokens = in.logprobs_T.numel();
  if (metrics.tokens == 0) return metrics;
  const auto log_ratio_T = in.logprobs_T.detach() - in.old_logprobs_T;
  const auto d_T = torch::clamp(log_ratio_T, -log_ratio_limit, log_ratio_limit).to(torch::kDouble);
  const auto ratio_T = torch::exp(d_T);
  metrics.log_ratios = HistogramOf(d_T);
  // One transfer from the device for all of them.
  const auto sums =
      torch::cat({GateSums(in.advantages_T > 0, out), GateSums(in.advantages_T < 0, out),
                  GateSums(in.advantages_T == 0, out), ClipCounts(in, out, ratio_T.to(log_ratio_T.dtype()), measure),
                  torch::stack({Count(gradient_T == 0), Count(OrNowhere(out.bounded_T, gradient_T)), Sum(-d_T),
                                Sum(d_T.square() / 2), Sum(ratio_T - 1 - d_T), Sum(log_ratio_T.abs()),
                                Sum(in.entropy_T), Sum(ratio_T), Sum(ratio_T.square()), ratio_T.max()})})
          .cpu();
  const double* s = sums.const_data_ptr<double>();
  metrics.positive = ReadGate(s);
  metrics.negative = ReadGate(s + 3);
  metrics.zero = ReadGate(s + 6);
  metrics.clipped = static_cast<int64_t>(s[9]);
  metrics.clipped_lower = static_cast<int64_t>(s[10]);
  metrics.zero_gradient = static_cast<int64_t>(s[11]);
  metrics.bounded = static_cast<int64_t>(s[12]);
  metrics.k1_sum = s[13];
  metrics.k2_sum = s[14];
  metrics.k3_sum = s[15];
  metrics.abs_kl_sum = s[16];
  metrics.entropy_sum = s[17];
  metrics.ratio_sum = s[18];
  metrics.ratio_squares = s[19];
  metrics.ratio_max = s[20];
  return metrics;
}

}  // namespace maspo
