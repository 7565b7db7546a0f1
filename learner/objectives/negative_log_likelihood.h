#pragma once

#include "learner/objectives/objective.h"

namespace maspo {

// Supervised fine-tuning as an objective: -log p of the given tokens. Advantages only say which responses count (not
// 0).
class NegativeLogLikelihood final : public PolicyObjective {
 public:
  ObjectiveOutputs Evaluate(const ObjectiveInputs& in) const override {
    return {.loss_T = -in.logprobs_T, .gate_T = torch::ones_like(in.logprobs_T), .gated_T = {}};
  }
};

}  // namespace maspo
