#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "model/torch.h"
#include "proto/run_config.pb.h"

namespace maspo {

// What an objective sees of a mini-batch: T packed response tokens (no padding) of R responses. Float32, one device.
struct ObjectiveInputs {
  torch::Tensor logprobs_T;      // Current policy; carries the gradient.
  torch::Tensor old_logprobs_T;  // Proximal policy: the learner's weights at the start of the step.
  torch::Tensor advantages_T;
  torch::Tensor
      entropy_T;  // Of the current distribution, nats; carries its gradient, which most objectives do not use.
  torch::Tensor response_T;   // int64: which response a token belongs to, ascending.
  int64_t num_responses = 0;  // R; some may have no token.
};

// Per-token results; an objective neither averages nor logs.
struct ObjectiveOutputs {
  torch::Tensor loss_T;   // To be aggregated with fixed token weights; carries the gradient.
  torch::Tensor gate_T;   // F: the factor on rho * A in the gradient, detached, in [0, 1] for gates and clips.
  torch::Tensor gated_T;  // bool: where the gate or clip acts (F may round to 1 there). Undefined = nowhere.
};

// A policy-gradient surrogate: one paper, one file. Stateless after construction.
class PolicyObjective {
 public:
  virtual ~PolicyObjective() = default;
  virtual ObjectiveOutputs Evaluate(const ObjectiveInputs& in) const = 0;
  // What the metrics measure against; an objective without a clip is measured against the usual bounds.
  struct ClipBounds {
    double low = 0.2, high = 0.2;   // 1 - low and 1 + high.
    double dual = 3.0;              // Infinity when there is no dual clip.
    double log_ratio_limit = 20.0;  // Of the exponent clamp.
  };
  virtual ClipBounds clip_bounds() const { return {}; }
};

// InvalidArgument: unknown name (lists the known ones), a parameter that the objective lacks, or a value out of range.
absl::StatusOr<std::unique_ptr<PolicyObjective>> MakeObjective(const v1::ObjectiveConfig& config);

}  // namespace maspo
