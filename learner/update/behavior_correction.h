#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "learner/update/training_batch.h"
#include "proto/run_config.pb.h"

namespace maspo {

// The decoupled objective (AReaL, arXiv 2505.24298, Eq. 5; decoupled PPO, arXiv 2110.00641) under any objective: the
// proximal policy is the centre of ratio and clip, and the policy that sampled (behaviour) enters as a factor alone.
//
//   w_t = pi_old / pi_behavior;   loss_t * min(w_t, truncate)          truncated importance sampling
//   sequence ratio of a response = product of its w_t                  rejected unless in [low, high]
//   geometric ratio              = (product)^(1 / tokens)              rejected unless in [low, high]
//
// A rejected response counts as one without tokens: neither in the loss nor in what the loss is divided by.
struct BehaviorCorrection {
  struct Interval {
    std::optional<double> low, high;
    bool Has(double log_ratio) const;  // The interval is of ratios.
  };
  std::optional<double> truncate;
  Interval sequence, geometric;

  bool is_off() const;

  // InvalidArgument: a bound that is not positive, or low > high.
  static absl::StatusOr<BehaviorCorrection> Make(const v1::BehaviorCorrectionConfig& config);

  // Over all responses with a token.
  struct Statistics {
    double weight_mean = 1;         // Of min(w, truncate), over the tokens that stay.
    double truncated_fraction = 0;  // Of those tokens.
    double rejected_fraction = 0;   // Of responses.
  };
  // Sets `correction` and `rejected` of every response from its old and behaviour log-probabilities.
  Statistics Apply(absl::Span<TrainingGroup> groups) const;
};

}  // namespace maspo
