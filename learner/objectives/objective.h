#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "learner/objectives/loss_aggregation.h"
#include "model/torch.h"
#include "proto/run_config.pb.h"

namespace maspo {

// What an objective sees of a mini-batch: T packed response tokens (no padding) of R whole responses. One floating
// type, one device.
struct ObjectiveInputs {
  torch::Tensor logprobs_T;      // Current policy; carries the gradient.
  torch::Tensor old_logprobs_T;  // Proximal policy: the learner's weights at the start of the step.
  torch::Tensor advantages_T;
  torch::Tensor entropy_T;  // Of the current distribution, nats; carries its gradient, which most do not use.
  torch::Tensor reference_logprobs_T;  // Of the frozen policy; defined if traits().reference.
  torch::Tensor response_T;            // int64: which response a token belongs to, ascending.
  int64_t num_responses = 0;           // R; some may have no token.
  // Only where traits().mini_batch:
  int64_t first_token = 0;  // Place of these tokens in the mini-batch that the objective was bound to.
  torch::Tensor key_T;  // int64, different for every token and the same however the mini-batch is split: keys choices.
};

// Per-token results; an objective neither averages nor logs.
struct ObjectiveOutputs {
  torch::Tensor loss_T = {};   // To be aggregated with fixed token weights; carries the gradient.
  torch::Tensor gate_T = {};   // F: the factor on rho * A in the gradient, detached. In [0, 1] for gates and clips.
  torch::Tensor gated_T = {};  // bool: where the gate or clip acts (F may round to 1 there). Undefined = nowhere.
  // bool: what clip_fraction counts, and what its counterpart for A < 0 and large ratios counts, where the objective
  // has bounds of its own. Undefined = measured against the usual ones (ClipMeasure).
  torch::Tensor clipped_T = {};
  torch::Tensor clipped_lower_T = {};
  torch::Tensor bounded_T = {};  // bool: where a bound on A < 0 and rho > 1 cuts the gradient. Undefined = nowhere.
};

// What an objective is besides a function of its tokens.
struct ObjectiveTraits {
  double log_ratio_limit = 20.0;  // |log rho| is limited to this before exp; no gradient beyond. Infinity = off.
  v1::Aggregation aggregation = v1::AGGREGATION_TOKEN_MEAN;  // Unless the configuration names another.
  bool mini_batch = false;      // Decides over the whole mini-batch: to be bound to it before it is evaluated in parts.
  bool every_response = false;  // Responses whose advantage is 0 matter, too.
  bool reference = false;       // reference_logprobs_T must be there.
};

// A policy-gradient surrogate: one paper, one file. Stateless after construction.
class PolicyObjective {
 public:
  explicit PolicyObjective(const ObjectiveTraits& traits = {}) : traits_(traits) {}
  virtual ~PolicyObjective() = default;

  // An objective with traits().mini_batch that was not bound takes `in` for the whole mini-batch.
  virtual ObjectiveOutputs Evaluate(const ObjectiveInputs& in) const = 0;

  // The objective with what it decides over a mini-batch decided (BAPO's bounds, Clip-Cov's tokens). `mini_batch` has
  // every token of it, without gradient; the parts evaluated afterwards are consecutive pieces of it. Null unless
  // traits().mini_batch.
  virtual std::unique_ptr<PolicyObjective> BoundTo(const ObjectiveInputs& /*mini_batch*/) const { return nullptr; }

  const ObjectiveTraits& traits() const { return traits_; }

 protected:
  // rho = exp(log pi - log pi_old), the exponent limited. Carries the gradient.
  torch::Tensor Ratio(const ObjectiveInputs& in) const;

 private:
  const ObjectiveTraits traits_;
};

// InvalidArgument: a parameter that the objective lacks, or a value out of range.
absl::StatusOr<std::unique_ptr<PolicyObjective>> MakeObjective(const v1::ObjectiveConfig& config);

}  // namespace maspo
