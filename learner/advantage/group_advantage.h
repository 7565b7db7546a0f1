#pragma once

#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "proto/run_config.pb.h"

namespace maspo {

// Turns the rewards of one group into advantages, one number per response, spread over its tokens. Pure and
// thread-safe.
class GroupAdvantage {
 public:
  virtual ~GroupAdvantage() = default;
  virtual std::vector<double> Compute(absl::Span<const double> rewards) const = 0;
};

// InvalidArgument: unknown estimator or normalization; lists the known ones.
absl::StatusOr<std::unique_ptr<GroupAdvantage>> MakeGroupAdvantage(const v1::AdvantageConfig& config);

// True when all rewards are the same number (a lone one too): the group teaches nothing under any centred estimator.
bool IsZeroVariance(absl::Span<const double> rewards);

}  // namespace maspo
