#pragma once

#include <memory>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "learner/objectives/loss_aggregation.h"
#include "learner/objectives/objective.h"
#include "learner/objectives/policy_measurement.h"
#include "learner/sharded/sharded_policy.h"
#include "learner/update/adamw.h"
#include "learner/update/microbatch_plan.h"
#include "learner/update/training_batch.h"
#include "learner/update/update_reports.h"
#include "services/base/stop_signal.h"

namespace maspo {

// Turns groups with advantages into optimizer steps:
//
//   groups -> RecomputeOldLogprobs (once a step) -> mini-batches -> Apply: micro-batches -> forward, loss, backward ->
//   AdamW
//
// Every rank calls the same functions with the same groups. Micro-batch s belongs to rank s mod R; what one rank finds
// out about its micro-batches (log-probabilities, losses, metrics) all know afterwards, so every rank comes to the same
// decisions, and none of them depends on R.
//
// The loss of a mini-batch is a sum over tokens with weights fixed beforehand, so it and its gradient do not depend on
// how the mini-batch is split into micro-batches. An objective that decides over the whole mini-batch is first bound to
// it, by a forward without gradient over all micro-batches. Responses whose advantages are all 0 are left out, unless
// the objective has a use for them; the metrics of an update cover the others.
//
// A call that is given a StopSignal, which counts on rank 0, looks at it between micro-batches and then returns
// Cancelled; what it does to the policy, it does at its end.
//
// Not thread-safe. LibTorch errors are thrown as c10::Error.
class PolicyUpdate {
 public:
  struct Options {
    int64_t micro_batch_tokens = 16384;
    int min_micro_batches = 8;  // Of a mini-batch, where it has so many responses: more ranks would have nothing to do.
    v1::Aggregation aggregation = v1::AGGREGATION_TOKEN_MEAN;
    int64_t max_response_tokens = 0;  // Only for the aggregation that divides by it.
  };

  // `reference` is the frozen policy, for objectives that ask for one. All outlive the update.
  PolicyUpdate(const Options& options, ShardedPolicy* policy, AdamW* optimizer,
               std::unique_ptr<PolicyObjective> objective, ShardedPolicy* reference = nullptr);

  // Fills old_logprobs of every response with the current weights' log-probabilities.
  absl::StatusOr<LogprobStatistics> RecomputeOldLogprobs(std::vector<TrainingGroup>& groups,
                                                         const StopSignal* stop = nullptr) const;

  // Fills reference_logprobs where the objective asks for them.
  absl::Status ComputeReferenceLogprobs(std::vector<TrainingGroup>& groups, const StopSignal* stop = nullptr) const;

  // One optimizer step over one mini-batch. `before_step` is called when its gradient is known and nothing is changed.
  absl::StatusOr<UpdateResult> Apply(
      absl::Span<const TrainingGroup> mini_batch, double learning_rate, const StopSignal* stop = nullptr,
      absl::FunctionRef<void()> before_step = [] {});

 private:
  // A mini-batch or step, split up. Tokens are numbered through, in the order of the micro-batches.
  struct Plan {
    std::vector<Microbatch> microbatches;
    std::vector<int64_t> first_token;  // Of each micro-batch, and the number of tokens behind the last.
    int64_t num_tokens() const { return first_token.back(); }
    int64_t tokens_of(size_t s) const { return first_token[s + 1] - first_token[s]; }
  };
  template <typename Skip>
  Plan PlanOf(absl::Span<const TrainingGroup> groups, Skip skip) const;
  Plan PlanOfUpdate(absl::Span<const TrainingGroup> groups) const;

  // Visits the micro-batches of all ranks, round by round: visit(s, layout), with the index and layout of this rank's
  // one, or past the end and null where it has none in the last round. Cancelled: stopped.
  template <typename Visit>
  absl::Status ForEachRound(absl::Span<const TrainingGroup> groups, const Plan& plan, const StopSignal* stop,
                            Visit visit) const;

  // What `model` says about all tokens of the plan, known to every rank.
  absl::StatusOr<TokenLogprobs> Score(ShardedPolicy& model, absl::Span<const TrainingGroup> groups, const Plan& plan,
                                      const StopSignal* stop) const;
  // Visits all responses with the log-probabilities that `model` gives them: visit(response, logprobs [R]). Returns the
  // sum of the entropies of all tokens.
  template <typename Visit>
  absl::StatusOr<double> ScoreResponses(ShardedPolicy& model, std::vector<TrainingGroup>& groups,
                                        const StopSignal* stop, Visit visit) const;
  // Null unless the objective decides over the whole mini-batch.
  absl::StatusOr<std::unique_ptr<PolicyObjective>> BindObjective(absl::Span<const TrainingGroup> groups,
                                                                 const Plan& plan, const StopSignal* stop) const;
  // Adds the gradient of all micro-batches. The sum of their losses and their metrics, known to every rank.
  absl::StatusOr<UpdateResult> Backward(const PolicyObjective& objective, absl::Span<const TrainingGroup> groups,
                                        const Plan& plan, const StopSignal* stop);

  const Options options_;
  ShardedPolicy* const policy_;
  AdamW* const optimizer_;
  const std::unique_ptr<PolicyObjective> objective_;
  ShardedPolicy* const reference_;
};

}  // namespace maspo
