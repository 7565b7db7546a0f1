#include "learner/update/policy_update.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "learner/update/objective_batch.h"
#include "services/base/status_macros.h"

namespace maspo {
namespace {

// skip(response) leaves a response out.
template <typename Skip>
std::vector<GroupSize> SizesOf(absl::Span<const TrainingGroup> groups, Skip skip) {
  std::vector<GroupSize> sizes;
  for (const TrainingGroup& group : groups) {
    GroupSize& size = sizes.emplace_back();
    size.prompt_tokens = static_cast<int64_t>(group.prompt.size());
    for (const TrainingResponse& response : group.responses) {
      size.response_tokens.push_back(static_cast<int64_t>(response.token_ids.size()));
      size.skip.push_back(response.token_ids.empty() || skip(response));
    }
  }
  return sizes;
}

bool HasNoAdvantage(const TrainingResponse& response) {
  return std::all_of(response.advantages.begin(), response.advantages.end(), [](float a) { return a == 0; });
}

// The weight of each token of response r of group g in the loss of the whole mini-batch.
std::vector<std::vector<double>> TokenWeights(absl::Span<const TrainingGroup> groups, LossAggregation aggregation,
                                              int64_t max_response_tokens) {
  MiniBatchShape shape;
  shape.max_response_tokens = static_cast<double>(max_response_tokens);
  for (size_t g = 0; g < groups.size(); ++g) {
    for (const TrainingResponse& response : groups[g].responses) {
      shape.response_tokens.push_back(response.rejected ? 0 : static_cast<int64_t>(response.token_ids.size()));
      shape.group.push_back(static_cast<int64_t>(g));
    }
  }
  const std::vector<double> flat = ResponseWeights(aggregation, shape);
  std::vector<std::vector<double>> weights;
  auto next = flat.begin();
  for (const TrainingGroup& group : groups) {
    weights.emplace_back(next, next + static_cast<std::ptrdiff_t>(group.responses.size()));
    next += static_cast<std::ptrdiff_t>(group.responses.size());
  }
  return weights;
}

}  // namespace

PolicyUpdate::PolicyUpdate(const Options& options, Transformer* policy, AdamW* optimizer,
                           std::unique_ptr<PolicyObjective> objective, const Transformer* reference)
    : options_(options),
      policy_(policy),
      optimizer_(optimizer),
      objective_(std::move(objective)),
      reference_(reference) {}

TokenLogprobs PolicyUpdate::Score(const Transformer& model, absl::Span<const TrainingGroup> groups,
                                  const Microbatch& microbatch) const {
  return ResponseLogprobs(model, LayoutOf(groups, microbatch), options_.temperature, options_.logits_per_chunk);
}

template <typename Visit>
double PolicyUpdate::ScoreResponses(const Transformer& model, std::vector<TrainingGroup>& groups, Visit visit) const {
  torch::NoGradGuard no_grad;
  double entropy_sum = 0;
  const auto skip_none = [](const TrainingResponse&) { return false; };
  for (const Microbatch& microbatch : PackMicrobatches(SizesOf(groups, skip_none), options_.micro_batch_tokens)) {
    const TokenLogprobs scored = Score(model, groups, microbatch);
    entropy_sum += scored.entropy_N.sum(torch::kFloat64).item<double>();
    const torch::Tensor logprobs_N = scored.logprobs_N.to(torch::kCPU).contiguous();
    const float* next = logprobs_N.const_data_ptr<float>();
    for (const PackedSlice& slice : microbatch) {
      for (int r : slice.responses) {
        TrainingResponse& response = groups[slice.group].responses[r];
        visit(response, absl::MakeConstSpan(next, response.token_ids.size()));
        next += response.token_ids.size();
      }
    }
  }
  return entropy_sum;
}

PolicyUpdate::LogprobStatistics PolicyUpdate::RecomputeOldLogprobs(std::vector<TrainingGroup>& groups) const {
  LogprobStatistics statistics;
  double mismatch_sum = 0;
  const double entropy_sum =
      ScoreResponses(*policy_, groups, [&](TrainingResponse& response, absl::Span<const float> logprobs) {
        response.old_logprobs.assign(logprobs.begin(), logprobs.end());
        statistics.tokens += static_cast<int64_t>(logprobs.size());
        for (size_t t = 0; t < logprobs.size(); ++t) {
          const double mismatch = std::abs(double{logprobs[t]} - double{response.behavior_logprobs[t]});
          mismatch_sum += mismatch;
          statistics.mismatch_abs_max = std::max(statistics.mismatch_abs_max, mismatch);
        }
      });
  if (statistics.tokens > 0) {
    statistics.entropy_mean = entropy_sum / static_cast<double>(statistics.tokens);
    statistics.mismatch_abs_mean = mismatch_sum / static_cast<double>(statistics.tokens);
  }
  return statistics;
}

void PolicyUpdate::ComputeReferenceLogprobs(std::vector<TrainingGroup>& groups) const {
  if (!objective_->traits().reference) return;
  MASPO_CHECK(reference_ != nullptr);
  ScoreResponses(*reference_, groups, [](TrainingResponse& response, absl::Span<const float> logprobs) {
    response.reference_logprobs.assign(logprobs.begin(), logprobs.end());
  });
}

PolicyUpdate::Result PolicyUpdate::Apply(absl::Span<const TrainingGroup> mini_batch, double learning_rate) {
  const auto weights = TokenWeights(mini_batch, options_.aggregation, options_.max_response_tokens);
  const std::vector<Microbatch> microbatches = Pack(mini_batch);
  const auto bound = objective_->traits().mini_batch ? BindObjective(mini_batch, microbatches) : nullptr;
  Result result;
  int64_t tokens = 0;
  for (const Microbatch& microbatch : microbatches) {
    const MicrobatchLoss part = Backward(bound ? *bound : *objective_, mini_batch, microbatch, weights, tokens);
    result.loss += part.loss;
    result.metrics.Merge(part.metrics);
    tokens += part.metrics.tokens;
  }
  if (!std::isfinite(result.loss)) {
    policy_->parameters().ZeroGrads();
    return result;
  }
  const AdamW::Result step = optimizer_->Step(learning_rate);
  result.grad_norm = step.grad_norm;
  result.applied = step.applied;
  return result;
}

std::vector<Microbatch> PolicyUpdate::Pack(absl::Span<const TrainingGroup> groups) const {
  const bool every_response = objective_->traits().every_response;
  const auto skip = [every_response](const TrainingResponse& response) {
    return response.rejected || (!every_response && HasNoAdvantage(response));
  };
  return PackMicrobatches(SizesOf(groups, skip), options_.micro_batch_tokens);
}

std::unique_ptr<PolicyObjective> PolicyUpdate::BindObjective(absl::Span<const TrainingGroup> groups,
                                                             const std::vector<Microbatch>& microbatches) const {
  if (microbatches.empty()) return nullptr;
  torch::NoGradGuard no_grad;
  std::vector<ObjectiveInputs> parts;
  for (const Microbatch& microbatch : microbatches) {
    const TokenLogprobs current = Score(*policy_, groups, microbatch);
    ObjectiveInputs& part = parts.emplace_back(InputsOf(groups, microbatch, current, objective_->traits()));
    part.key_T = KeysOf(groups, microbatch).to(policy_->device());
  }
  return objective_->BoundTo(Concatenate(parts));
}

PolicyUpdate::MicrobatchLoss PolicyUpdate::Backward(const PolicyObjective& objective,
                                                    absl::Span<const TrainingGroup> groups,
                                                    const Microbatch& microbatch,
                                                    const std::vector<std::vector<double>>& weights,
                                                    int64_t first_token) {
  const TokenLogprobs current = Score(*policy_, groups, microbatch);
  current.logprobs_N.retain_grad();
  ObjectiveInputs inputs = InputsOf(groups, microbatch, current, objective.traits());
  inputs.first_token = first_token;
  const ObjectiveOutputs outputs = objective.Evaluate(inputs);
  const torch::Tensor loss = (outputs.loss_T * LossWeights(groups, microbatch, weights).to(policy_->device())).sum();
  loss.backward();
  return {loss.item<double>(),
          MeasurePolicy(inputs, outputs, current.logprobs_N.grad(), objective.traits().log_ratio_limit)};
}

}  // namespace maspo
