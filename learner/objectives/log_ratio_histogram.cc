#include "learner/objectives/log_ratio_histogram.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "services/base/status_macros.h"

namespace maspo {

LogRatioHistogram::LogRatioHistogram(absl::Span<const int64_t> counts) {
  MASPO_CHECK(counts.size() == kBins);
  std::copy(counts.begin(), counts.end(), counts_.begin());
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
