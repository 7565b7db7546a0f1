#pragma once

#include <memory>
#include <vector>

#include "absl/types/span.h"
#include "learner/objectives/loss_aggregation.h"
#include "learner/objectives/objective.h"
#include "learner/objectives/policy_metrics.h"
#include "learner/update/adamw.h"
#include "learner/update/microbatch_packer.h"
#include "learner/update/training_batch.h"
#include "model/logprobs.h"
#include "model/transformer.h"

namespace maspo {

// Turns groups with advantages into optimizer steps:
//
//   groups -> RecomputeOldLogprobs (once a step) -> mini-batches -> Apply: micro-batches -> forward, loss, backward ->
//   AdamW
//
// The loss of a mini-batch is a sum over tokens with weights fixed beforehand, so it and its gradient do not depend on
// how the mini-batch is split into micro-batches. An objective that decides over the whole mini-batch is first bound to
// it, by a forward without gradient over all micro-batches. Responses whose advantages are all 0 are left out, unless
// the objective has a use for them; the metrics of an update cover the others.
//
// Not thread-safe. LibTorch errors are thrown as c10::Error.
class PolicyUpdate {
 public:
  struct Options {
    double temperature = 1.0;  // Of the sampling policy: log-probabilities are those of softmax(logits / temperature).
    int64_t micro_batch_tokens = 16384;
    int64_t logits_per_chunk = kDefaultLogitsPerChunk;
    LossAggregation aggregation = LossAggregation::kTokenMean;
    int64_t max_response_tokens = 0;  // Only for the aggregation that divides by it.
  };

  // `reference` is the frozen policy, for objectives that ask for one. All outlive the update.
  PolicyUpdate(const Options& options, Transformer* policy, AdamW* optimizer,
               std::unique_ptr<PolicyObjective> objective, const Transformer* reference = nullptr);

  // What the current policy says about sampled tokens, over all of them.
  struct LogprobStatistics {
    int64_t tokens = 0;
    double entropy_mean = 0;       // Nats per token.
    double mismatch_abs_mean = 0;  // |learner's - sampler's log-probability|, nats.
    double mismatch_abs_max = 0;
  };
  // Fills old_logprobs of every response with the current weights' log-probabilities.
  LogprobStatistics RecomputeOldLogprobs(std::vector<TrainingGroup>& groups) const;

  // Fills reference_logprobs where the objective asks for them.
  void ComputeReferenceLogprobs(std::vector<TrainingGroup>& groups) const;

  struct Result {
    double loss = 0;
    double grad_norm = 0;  // Before clipping.
    bool applied = false;  // False: loss or gradient was not finite, and nothing changed.
    PolicyMetrics metrics;
  };
  // One optimizer step over one mini-batch.
  Result Apply(absl::Span<const TrainingGroup> mini_batch, double learning_rate);

 private:
  struct MicrobatchLoss {
    double loss = 0;
    PolicyMetrics metrics;
  };
  std::vector<Microbatch> Pack(absl::Span<const TrainingGroup> groups) const;
  // Visits all responses with the log-probabilities that `model` gives them: visit(response, logprobs [R]). Returns the
  // sum of the entropies of all tokens.
  template <typename Visit>
  double ScoreResponses(const Transformer& model, std::vector<TrainingGroup>& groups, Visit visit) const;
  std::unique_ptr<PolicyObjective> BindObjective(absl::Span<const TrainingGroup> groups,
                                                 const std::vector<Microbatch>& microbatches) const;
  TokenLogprobs Score(const Transformer& model, absl::Span<const TrainingGroup> groups,
                      const Microbatch& microbatch) const;
  // Adds the gradient of one micro-batch. `weights` are per group, per response.
  MicrobatchLoss Backward(const PolicyObjective& objective, absl::Span<const TrainingGroup> groups,
                          const Microbatch& microbatch, const std::vector<std::vector<double>>& weights,
                          int64_t first_token);

  const Options options_;
  Transformer* const policy_;
  AdamW* const optimizer_;
  const std::unique_ptr<PolicyObjective> objective_;
  const Transformer* const reference_;
};

}  // namespace maspo
