#pragma once

#include <array>
#include <cstdint>

#include "absl/types/span.h"

namespace maspo {

// How often which log-ratio d occurred, for quantiles that add up over micro-batches and ranks. Bins are narrow around
// 0 and grow with |d|: a quantile is right to 1 % of |d|, or 1e-8. d beyond +-20 counts in the outermost bins, and NaN
// not at all.
class LogRatioHistogram {
 public:
  static constexpr int kSideBins = 1110;  // On each side of the bin of d = 0.
  static constexpr int kBins = 2 * kSideBins + 1;
  // |d| of the k-th bin beside 0 is kFinest (exp(k / kBinsPerFactorE) - 1).
  static constexpr double kFinest = 1e-6;
  static constexpr double kBinsPerFactorE = 66;
  static constexpr double kLargest = 20;

  LogRatioHistogram() = default;
  explicit LogRatioHistogram(absl::Span<const int64_t> counts);  // kBins of them.

  void Merge(const LogRatioHistogram& other);

  // The ratio that a share `quantile` (0 to 1) of the tokens does not exceed; 0 without tokens.
  double RatioAt(double quantile) const;

  absl::Span<const int64_t> counts() const { return counts_; }  // kBins of them.

 private:
  std::array<int64_t, kBins> counts_{};
};

}  // namespace maspo
