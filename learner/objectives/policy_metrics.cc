#include "learner/objectives/policy_metrics.h"

#include <algorithm>
#include <type_traits>
#include <vector>

namespace maspo {

void PolicyMetrics::Gate::Merge(const Gate& other) {
  tokens += other.tokens;
  sum += other.sum;
  gated += other.gated;
}

void PolicyMetrics::Merge(const PolicyMetrics& other) {
  positive.Merge(other.positive);
  negative.Merge(other.negative);
  zero.Merge(other.zero);
  tokens += other.tokens;
  zero_gradient += other.zero_gradient;
  bounded += other.bounded;
  clipped += other.clipped;
  clipped_lower += other.clipped_lower;
  k1_sum += other.k1_sum;
  k2_sum += other.k2_sum;
  k3_sum += other.k3_sum;
  abs_kl_sum += other.abs_kl_sum;
  entropy_sum += other.entropy_sum;
  ratio_sum += other.ratio_sum;
  ratio_squares += other.ratio_squares;
  ratio_max = std::max(ratio_max, other.ratio_max);
  log_ratios.Merge(other.log_ratios);
}

namespace {

// Calls visit(number) for all but the histogram.
template <typename Metrics, typename Visit>
void ForEachNumber(Metrics& m, Visit visit) {
  for (auto* gate : {&m.positive, &m.negative, &m.zero}) {
    visit(gate->tokens);
    visit(gate->sum);
    visit(gate->gated);
  }
  for (auto* count : {&m.tokens, &m.zero_gradient, &m.bounded, &m.clipped, &m.clipped_lower}) visit(*count);
  for (auto* sum :
       {&m.k1_sum, &m.k2_sum, &m.k3_sum, &m.abs_kl_sum, &m.entropy_sum, &m.ratio_sum, &m.ratio_squares, &m.ratio_max}) {
    visit(*sum);
  }
}

}  // namespace

void PolicyMetrics::WriteTo(absl::Span<double> numbers) const {
  auto next = numbers.begin();
  ForEachNumber(*this, [&](const auto& number) { *next++ = static_cast<double>(number); });
  for (const int64_t count : log_ratios.counts()) *next++ = static_cast<double>(count);
}

PolicyMetrics PolicyMetrics::ReadFrom(absl::Span<const double> numbers) {
  PolicyMetrics metrics;
  auto next = numbers.begin();
  ForEachNumber(metrics, [&](auto& number) { number = static_cast<std::decay_t<decltype(number)>>(*next++); });
  metrics.log_ratios = LogRatioHistogram(std::vector<int64_t>(next, numbers.end()));
  return metrics;
}

PolicyMetrics::Gate PolicyMetrics::all() const {
  Gate all = positive;
  all.Merge(negative);
  all.Merge(zero);
  return all;
}

}  // namespace maspo
