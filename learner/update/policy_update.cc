#include "learner/update/policy_update.h"

#include <algorithm>
#include <cmath>
#include <optional>
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
std::vector<std::vector<double>> TokenWeights(absl::Span<const TrainingGroup> groups, v1::Aggregation aggregation,
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

// Attention's products of one token with another, against all the others' products of one token (multiplications).
double CostOfPair(const ModelConfig& config) {
  const std::vector<BucketSpec> layout = ParameterLayout(config);
  const double of_token = static_cast<double>(NumElements(layout) - layout.front().num_elements);
  return 2.0 * static_cast<double>(config.num_layers * config.num_heads * config.head_dim) / of_token;
}

// Sums of a micro-batch that every rank is told of.
constexpr size_t kLoss = PolicyMetrics::kNumbers;
constexpr size_t kNumbersOfPart = PolicyMetrics::kNumbers + 1;

}  // namespace

PolicyUpdate::PolicyUpdate(const Options& options, ShardedPolicy* policy, AdamW* optimizer,
                           std::unique_ptr<PolicyObjective> objective, ShardedPolicy* reference)
    : options_(options),
      policy_(policy),
      optimizer_(optimizer),
      objective_(std::move(objective)),
      reference_(reference) {}

template <typename Skip>
PolicyUpdate::Plan PolicyUpdate::PlanOf(absl::Span<const TrainingGroup> groups, Skip skip) const {
  Plan plan{.microbatches = PlanMicrobatches(SizesOf(groups, skip), {.max_tokens = options_.micro_batch_tokens,
                                                                     .at_least = options_.min_micro_batches,
                                                                     .cost_of_pair = CostOfPair(policy_->config())}),
            .first_token = {0}};
  for (const Microbatch& microbatch : plan.microbatches) {
    int64_t tokens = 0;
    for (const PackedSlice& slice : microbatch) {
      for (const int r : slice.responses) {
        tokens += static_cast<int64_t>(groups[slice.group].responses[r].token_ids.size());
      }
    }
    plan.first_token.push_back(plan.num_tokens() + tokens);
  }
  return plan;
}

PolicyUpdate::Plan PolicyUpdate::PlanOfUpdate(absl::Span<const TrainingGroup> groups) const {
  const bool every_response = objective_->traits().every_response;
  return PlanOf(groups, [every_response](const TrainingResponse& response) {
    return response.rejected || (!every_response && HasNoAdvantage(response));
  });
}

template <typename Visit>
absl::Status PolicyUpdate::ForEachRound(absl::Span<const TrainingGroup> groups, const Plan& plan,
                                        const StopSignal* stop, Visit visit) const {
  Ranks& ranks = policy_->ranks();
  const size_t count = plan.microbatches.size();
  for (size_t first = 0; first < count; first += static_cast<size_t>(ranks.size())) {
    if (ranks.Agree(stop != nullptr && stop->stop_requested())) return absl::CancelledError("a stop was requested");
    const size_t mine = first + static_cast<size_t>(ranks.rank());
    std::optional<PackedLayout> layout;
    if (mine < count) layout = LayoutOf(groups, plan.microbatches[mine]);
    visit(mine, layout ? &*layout : nullptr);
  }
  return absl::OkStatus();
}

absl::StatusOr<TokenLogprobs> PolicyUpdate::Score(ShardedPolicy& model, absl::Span<const TrainingGroup> groups,
                                                  const Plan& plan, const StopSignal* stop) const {
  const torch::NoGradGuard no_grad;
  const torch::Tensor all = torch::zeros({2, plan.num_tokens()}, torch::dtype(torch::kFloat32).device(model.device()));
  MASPO_RETURN_IF_ERROR(ForEachRound(groups, plan, stop, [&](size_t s, const PackedLayout* layout) {
    const TokenLogprobs scored = model.Score(layout);
    if (layout == nullptr) return;
    const torch::Tensor mine = all.narrow(1, plan.first_token[s], plan.tokens_of(s));
    mine[0].copy_(scored.logprobs_N);
    mine[1].copy_(scored.entropy_N);
  }));
  model.ranks().AllReduce("gathering log-probabilities", all);
  return TokenLogprobs{all[0], all[1]};
}

template <typename Visit>
absl::StatusOr<double> PolicyUpdate::ScoreResponses(ShardedPolicy& model, std::vector<TrainingGroup>& groups,
                                                    const StopSignal* stop, Visit visit) const {
  const Plan plan = PlanOf(groups, [](const TrainingResponse&) { return false; });
  MASPO_ASSIGN_OR_RETURN(const TokenLogprobs scored, Score(model, groups, plan, stop));
  const torch::Tensor logprobs_N = scored.logprobs_N.to(torch::kCPU).contiguous();
  const float* next = logprobs_N.const_data_ptr<float>();
  for (const Microbatch& microbatch : plan.microbatches) {
    for (const PackedSlice& slice : microbatch) {
      for (int r : slice.responses) {
        TrainingResponse& response = groups[slice.group].responses[r];
        visit(response, absl::MakeConstSpan(next, response.token_ids.size()));
        next += response.token_ids.size();
      }
    }
  }
  return scored.entropy_N.sum(torch::kFloat64).item<double>();
}

absl::StatusOr<LogprobStatistics> PolicyUpdate::RecomputeOldLogprobs(std::vector<TrainingGroup>& groups,
                                                                     const StopSignal* stop) const {
  LogprobStatistics statistics;
  double mismatch_sum = 0;
  MASPO_ASSIGN_OR_RETURN(
      const double entropy_sum,
      ScoreResponses(*policy_, groups, stop, [&](TrainingResponse& response, absl::Span<const float> logprobs) {
        response.old_logprobs.assign(logprobs.begin(), logprobs.end());
        statistics.tokens += static_cast<int64_t>(logprobs.size());
        for (size_t t = 0; t < logprobs.size(); ++t) {
          const double mismatch = std::abs(double{logprobs[t]} - double{response.behavior_logprobs[t]});
          mismatch_sum += mismatch;
          statistics.mismatch_abs_max = std::max(statistics.mismatch_abs_max, mismatch);
        }
      }));
  if (statistics.tokens > 0) {
    statistics.entropy_mean = entropy_sum / static_cast<double>(statistics.tokens);
    statistics.mismatch_abs_mean = mismatch_sum / static_cast<double>(statistics.tokens);
  }
  return statistics;
}

absl::Status PolicyUpdate::ComputeReferenceLogprobs(std::vector<TrainingGroup>& groups, const StopSignal* stop) const {
  if (!objective_->traits().reference) return absl::OkStatus();
  MASPO_CHECK(reference_ != nullptr);
  const auto keep = [](TrainingResponse& response, absl::Span<const float> logprobs) {
    response.reference_logprobs.assign(logprobs.begin(), logprobs.end());
  };
  return ScoreResponses(*reference_, groups, stop, keep).status();
}

absl::StatusOr<UpdateResult> PolicyUpdate::Apply(absl::Span<const TrainingGroup> mini_batch, double learning_rate,
                                                 const StopSignal* stop, absl::FunctionRef<void()> before_step) {
  const Plan plan = PlanOfUpdate(mini_batch);
  MASPO_ASSIGN_OR_RETURN(const auto bound, BindObjective(mini_batch, plan, stop));
  auto result = Backward(bound ? *bound : *objective_, mini_batch, plan, stop);
  policy_->FinishGradients();
  if (!result.ok() || !std::isfinite(result->loss)) {
    policy_->parameters().ZeroGrads();
    return result;
  }
  before_step();
  const AdamW::Result step = optimizer_->Step(learning_rate);
  result->grad_norm = step.grad_norm;
  result->applied = step.applied;
  return result;
}

absl::StatusOr<std::unique_ptr<PolicyObjective>> PolicyUpdate::BindObjective(absl::Span<const TrainingGroup> groups,
                                                                             const Plan& plan,
                                                                             const StopSignal* stop) const {
  if (!objective_->traits().mini_batch || plan.microbatches.empty()) return nullptr;
  const torch::NoGradGuard no_grad;
  MASPO_ASSIGN_OR_RETURN(const TokenLogprobs current, Score(*policy_, groups, plan, stop));
  std::vector<ObjectiveInputs> parts;
  for (size_t s = 0; s < plan.microbatches.size(); ++s) {
    const auto part_of = [&](const torch::Tensor& x) { return x.narrow(0, plan.first_token[s], plan.tokens_of(s)); };
    ObjectiveInputs& part = parts.emplace_back(InputsOf(
        groups, plan.microbatches[s], {part_of(current.logprobs_N), part_of(current.entropy_N)}, objective_->traits()));
    part.key_T = KeysOf(groups, plan.microbatches[s]).to(policy_->device());
  }
  return objective_->BoundTo(Concatenate(parts));
}

absl::StatusOr<UpdateResult> PolicyUpdate::Backward(const PolicyObjective& objective,
                                                    absl::Span<const TrainingGroup> groups, const Plan& plan,
                                                    const StopSignal* stop) {
  const auto weights = TokenWeights(groups, options_.aggregation, options_.max_response_tokens);
  const auto count = static_cast<int64_t>(plan.microbatches.size());
  const torch::Tensor sums = torch::zeros({count, static_cast<int64_t>(kNumbersOfPart)}, torch::kFloat64);
  const auto numbers_of = [&](size_t s) {
    return absl::MakeSpan(sums.data_ptr<double>() + s * kNumbersOfPart, kNumbersOfPart);
  };
  MASPO_RETURN_IF_ERROR(ForEachRound(groups, plan, stop, [&](size_t s, const PackedLayout* layout) {
    ObjectiveInputs inputs;
    ObjectiveOutputs outputs;
    torch::Tensor loss;
    const torch::Tensor grad_logprobs_N = policy_->Backward(layout, [&](const TokenLogprobs& current) {
      inputs = InputsOf(groups, plan.microbatches[s], current, objective.traits());
      inputs.first_token = plan.first_token[s];
      outputs = objective.Evaluate(inputs);
      loss = (outputs.loss_T * LossWeights(groups, plan.microbatches[s], weights).to(policy_->device())).sum();
      return loss;
    });
    if (layout == nullptr) return;
    MeasurePolicy(inputs, outputs, grad_logprobs_N, objective.traits().log_ratio_limit)
        .WriteTo(numbers_of(s).first(PolicyMetrics::kNumbers));
    numbers_of(s)[kLoss] = loss.item<double>();
  }));
  policy_->ranks().AllReduce("gathering what micro-batches tell", sums);
  UpdateResult result;
  for (size_t s = 0; s < plan.microbatches.size(); ++s) {
    result.loss += numbers_of(s)[kLoss];
    result.metrics.Merge(PolicyMetrics::ReadFrom(numbers_of(s).first(PolicyMetrics::kNumbers)));
  }
  return result;
}

}  // namespace maspo
