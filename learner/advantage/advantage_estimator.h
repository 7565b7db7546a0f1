#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "proto/run_config.pb.h"

namespace maspo {

// The responses of a training step as an estimator sees them: R responses, W_i positions of response i.
struct AdvantageInputs {
  // [R][W_i] reward of each position. An outcome reward sits on the last token; that of a response without tokens on a
  // position outside the mask.
  std::vector<std::vector<double>> rewards;
  std::vector<std::vector<bool>> is_token;  // [R][W_i] false: not a token to train on.
  std::vector<int64_t> group;               // [R] which prompt; any numbers.
  std::vector<std::vector<double>> values;  // [R][W_i] GAE's; empty = 0 everywhere.
  std::vector<double> baselines;            // [R] ReMax's: the reward of a greedy response to the same prompt.

  size_t num_responses() const { return rewards.size(); }
};

// [R][W_i]; outside the mask they mean nothing.
struct Advantages {
  std::vector<std::vector<double>> advantages = {};
  std::vector<std::vector<double>> returns = {};  // Of the estimators that have them, else empty.
};

// Turns the rewards of a step into advantages. Pure and thread-safe.
class AdvantageEstimator {
 public:
  virtual ~AdvantageEstimator() = default;
  virtual Advantages Compute(const AdvantageInputs& in) const = 0;
  virtual bool needs_baselines() const { return false; }
};

// InvalidArgument: a parameter that the estimator lacks, or one out of range.
absl::StatusOr<std::unique_ptr<AdvantageEstimator>> MakeAdvantageEstimator(const v1::AdvantageConfig& config);

// True when all rewards are the same number (a lone one too): the group teaches nothing under any centred estimator.
bool IsZeroVariance(absl::Span<const double> rewards);

}  // namespace maspo
