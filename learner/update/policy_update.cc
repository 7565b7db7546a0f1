#include "learner/update/policy_update.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "model/logprobs.h"
#include "model/packed_batch.h"

namespace maspo {
namespace {

PackedLayout LayoutOf(absl::Span<const TrainingGroup> groups, const Microbatch& microbatch) {
  std::vector<PackedGroup> packed;
  for (const PackedSlice& slice : microbatch) {
    PackedGroup& group = packed.emplace_back();
    group.prompt = groups[slice.group].prompt;
    for (int r : slice.responses) group.responses.push_back(groups[slice.group].responses[r].token_ids);
  }
  return PackedLayout::Of(packed);
}

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

// The weight of each token of response r of group g in the loss of the whole mini-batch.
std::vector<std::vector<double>> TokenWeights(absl::Span<const TrainingGroup> groups, LossAggregation aggregation,
                                              int64_t max_response_tokens) {
  MiniBatchShape shape;
  shape.max_response_tokens = max_response_tokens;
  for (size_t g = 0; g < groups.size(); ++g) {
    for (const TrainingResponse& response : groups[g].responses) {
      shape.response_tokens.push_back(static_cast<int64_t>(response.token_ids.size()));
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
                           std::unique_ptr<PolicyObjective> objective)
    : options_(options), policy_(policy), optimizer_(optimizer), objective_(std::move(objective)) {}

PolicyUpdate::LogprobStatistics PolicyUpdate::RecomputeOldLogprobs(std::vector<TrainingGroup>& groups) const {
  torch::NoGradGuard no_grad;
  LogprobStatistics statistics;
  double entropy_sum = 0, mismatch_sum = 0;
  const auto skip_none = [](const TrainingResponse&) { return false; };
  for (const Microbatch& microbatch : PackMicrobatches(SizesOf(groups, skip_none), options_.micro_batch_tokens)) {
    const TokenLogprobs scored = ResponseLogprobs(*policy_, LayoutOf(groups, microbatch), options_.temperature);
    entropy_sum += scored.entropy_N.sum(torch::kFloat64).item<double>();
    const torch::Tensor logprobs_N = scored.logprobs_N.to(torch::kCPU).contiguous();
    const float* next = logprobs_N.const_data_ptr<float>();
    statistics.tokens += logprobs_N.size(0);
    for (const PackedSlice& slice : microbatch) {
      for (int r : slice.responses) {
        TrainingResponse& response = groups[slice.group].responses[r];
        response.old_logprobs.assign(next, next + response.token_ids.size());
        next += response.token_ids.size();
        for (size_t t = 0; t < response.token_ids.size(); ++t) {
          const double mismatch = std::abs(double{response.old_logprobs[t]} - double{response.behavior_logprobs[t]});
          mismatch_sum += mismatch;
          statistics.mismatch_abs_max = std::max(statistics.mismatch_abs_max, mismatch);
        }
      }
    }
  }
  if (statistics.tokens > 0) {
    statistics.entropy_mean = entropy_sum / static_cast<double>(statistics.tokens);
    statistics.mismatch_abs_mean = mismatch_sum / static_cast<double>(statistics.tokens);
  }
  return statistics;
}

PolicyUpdate::Result PolicyUpdate::Apply(absl::Span<const TrainingGroup> mini_batch, double learning_rate) {
  Result result;
  const auto weights = TokenWeights(mini_batch, options_.aggregation, options_.max_response_tokens);
  const auto skip_without_advantage = [](const TrainingResponse& response) { return response.advantage == 0; };
  const auto sizes = SizesOf(mini_batch, skip_without_advantage);
  for (const Microbatch& microbatch : PackMicrobatches(sizes, options_.micro_batch_tokens)) {
    const MicrobatchLoss part = Backward(mini_batch, microbatch, weights);
    result.loss += part.loss;
    result.metrics.Merge(part.metrics);
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

PolicyUpdate::MicrobatchLoss PolicyUpdate::Backward(absl::Span<const TrainingGroup> groups,
                                                    const Microbatch& microbatch,
                                                    const std::vector<std::vector<double>>& weights) {
  const PackedLayout layout = LayoutOf(groups, microbatch);
  std::vector<float> old_logprobs, advantages, token_weights;
  int64_t num_responses = 0;
  for (const PackedSlice& slice : microbatch) {
    for (int r : slice.responses) {
      const TrainingResponse& response = groups[slice.group].responses[r];
      const size_t tokens = response.token_ids.size();
      old_logprobs.insert(old_logprobs.end(), response.old_logprobs.begin(), response.old_logprobs.end());
      advantages.insert(advantages.end(), tokens, static_cast<float>(response.advantage));
      token_weights.insert(token_weights.end(), tokens, static_cast<float>(weights[slice.group][r]));
      ++num_responses;
    }
  }

  const torch::Device device = policy_->device();
  const auto on_device = [device](const auto& values, torch::Dtype dtype) {
    return torch::tensor(values, dtype).to(device);
  };
  const TokenLogprobs current = ResponseLogprobs(*policy_, layout, options_.temperature);
  const ObjectiveInputs inputs{.logprobs_T = current.logprobs_N,
                               .old_logprobs_T = on_device(old_logprobs, torch::kFloat32),
                               .advantages_T = on_device(advantages, torch::kFloat32),
                               .entropy_T = current.entropy_N,
                               .response_T = on_device(layout.response_N, torch::kInt64),
                               .num_responses = num_responses};
  const ObjectiveOutputs outputs = objective_->Evaluate(inputs);
  const torch::Tensor loss = (outputs.loss_T * on_device(token_weights, torch::kFloat32)).sum();
  loss.backward();
  return {loss.item<double>(), MeasurePolicy(inputs, outputs, objective_->clip_bounds())};
}

}  // namespace maspo
