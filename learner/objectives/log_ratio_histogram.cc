#include "learner/objectives/log_ratio_histogram.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace maspo {
namespace {

// |d| of the k-th bin beside 0 is kFinest (exp(k / kBinsPerFactorE) - 1).
constexpr double kFinest = 1e-6;
constexpr double kBinsPerFactorE = 66;
constexpr double kLargest = 20;

}  // namespace

LogRatioHistogram LogRatioHistogram::Of(const torch::Tensor& log_ratio_T) {
  const auto limited_T = torch::clamp(log_ratio_T.detach().to(torch::kDouble), -kLargest, kLargest);
  const auto d_T = limited_T.masked_select(limited_T == limited_T);
  const auto side_T = torch::round(kBinsPerFactorE * torch::log1p(d_T.abs() / kFinest)) * torch::sign(d_T);
  const auto bins_T = torch::clamp(side_T + kSideBins, 0, kBins - 1).to(torch::kLong);
  const auto counts = torch::bincount(bins_T, /*weights=*/{}, /*minlength=*/kBins).cpu();
  LogRatioHistogram histogram;
  std::copy_n(counts.const_data_ptr<int64_t>(), kBins, histogram.counts_.begin());
  return histogram;
}

void LogRatioHistogram::Merge(const LogRatioHistogram& other) {
  for (int i = 0; i < kBins; ++i) counts_[i] += other.counts_[i];
}

double LogRatioHistogram::RatioAt(double quantile) const {
  const auto tokens = static_cast<double>(std::accumulate(counts_.begin(), counts_.end(), int64_t{0}));
  if (tokens == 0) return 0;
  double seen = 0;
  int bin = 0;
  for (; bin < kBins - 1; ++bin) {
    seen += static_cast<double>(counts_[bin]);
    if (seen >= quantile * tokens && seen > 0) break;
  }
  const double side = bin - kSideBins;
  return std::exp(std::copysign(kFinest * std::expm1(std::abs(side) / kBinsPerFactorE), side));
}

}  // namespace maspo
