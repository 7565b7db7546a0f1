#pragma once

#include <vector>

#include "absl/types/span.h"
#include "learner/objectives/objective.h"
#include "learner/update/microbatch_plan.h"
#include "learner/update/training_batch.h"
#include "model/logprobs.h"
#include "model/packed_batch.h"

namespace maspo {

// From a micro-batch of training groups to what the model and an objective want of it. Tokens are in the order of
// group, response, position everywhere. T tokens of the micro-batch.

PackedLayout LayoutOf(absl::Span<const TrainingGroup> groups, const Microbatch& microbatch);

// `current` are the policy's log-probabilities of the same tokens. Without keys.
ObjectiveInputs InputsOf(absl::Span<const TrainingGroup> groups, const Microbatch& microbatch,
                         const TokenLogprobs& current, const ObjectiveTraits& traits);

// A number for each token of the micro-batch that is the same wherever the token lies.
torch::Tensor KeysOf(absl::Span<const TrainingGroup> groups, const Microbatch& microbatch);

// Micro-batches one after the other as one: without gradient, on the device of the first.
ObjectiveInputs Concatenate(const std::vector<ObjectiveInputs>& parts);

// Factors of the tokens in the loss: their response's weight times their behaviour correction. [T] float32, CPU.
torch::Tensor LossWeights(absl::Span<const TrainingGroup> groups, const Microbatch& microbatch,
                          const std::vector<std::vector<double>>& response_weights);

}  // namespace maspo
