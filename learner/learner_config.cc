#include "learner/learner_config.h"

#include "absl/strings/str_cat.h"
#include "model/dtype.h"
#include "services/base/sampling_check.h"
#include "services/base/spelling.h"
#include "services/base/status_macros.h"

namespace maspo {
namespace {

// What one purpose asks of the workers: positions for its longest sequence, and sampling that their engine knows.
absl::Status CheckPurpose(const std::string& section, const v1::SamplingParameters& sampling,
                          const v1::RunConfig& config, const ModelConfig& model) {
  const int64_t longest = int64_t{config.data().max_prompt_tokens()} + sampling.max_new_tokens();
  if (longest > model.max_position_embeddings) {
    return absl::InvalidArgumentError(absl::StrCat(
        "data.max_prompt_tokens + ", section, ".max_new_tokens is ", longest, ", more than the ",
        model.max_position_embeddings, " positions of the model in ", config.model().path(), "; lower one of them"));
  }
  return Annotate(CheckSampling(sampling, model.vocab_size), section);
}

}  // namespace

absl::StatusOr<TrainingLoop::Options> LoopOptions(const v1::RunConfig& config) {
  TrainingLoop::Options options;
  options.total_steps = config.run().steps();
  options.prompts_per_step = config.rollout().prompts_per_step();
  options.mini_batch_groups = config.learner().mini_batch_groups();
  options.seed = config.run().seed();
  options.shuffle = config.learner().shuffle();
  options.recompute_old_logprobs = config.learner().old_logprobs() == v1::OLD_LOGPROBS_RECOMPUTE;
  options.eval_interval = config.run().eval_interval();
  options.checkpoint_interval = config.run().checkpoint_interval();
  if (config.run().checkpoint_minutes() > 0) {
    options.checkpoint_period = absl::Minutes(config.run().checkpoint_minutes());
  }
  options.stop_grace = absl::Seconds(config.run().stop_seconds());
  options.stall_timeout = absl::Seconds(config.run().stall_seconds());
  options.dynamic_sampling = config.learner().dynamic_sampling();
  MASPO_ASSIGN_OR_RETURN(options.behavior_correction, BehaviorCorrection::Make(config.learner().behavior_correction()));
  if (!options.behavior_correction.is_off() && !options.recompute_old_logprobs) {
    return absl::InvalidArgumentError(
        "learner.behavior_correction needs learner.old_logprobs: recompute; as it is, the old log-probabilities are "
        "the sampler's own");
  }
  return options;
}

absl::StatusOr<std::unique_ptr<AdvantageEstimator>> TrainingAdvantage(const v1::RunConfig& config) {
  MASPO_ASSIGN_OR_RETURN(auto estimator, MakeAdvantageEstimator(config.learner().advantage()));
  if (!estimator->needs_baselines()) return estimator;
  return absl::InvalidArgumentError(
      absl::StrCat("learner.advantage.name: ", Spelling(config.learner().advantage().name()),
                   " compares with the reward of a greedy response to every prompt, which rollout workers do not "
                   "sample; use rloo, or another estimator that compares the responses of a group"));
}

ShardedPolicy::Options ShardingOptions(const v1::RunConfig& config) {
  const v1::LearnerSection& learner = config.learner();
  return ShardedPolicy::Options{
      .temperature = config.rollout().temperature(),
      .logits_per_chunk = int64_t{learner.logits_mib()} << 18,  // Floats.
      .kept_graph_bytes = int64_t{learner.activation_mib()} << 20,
      .keep_gathered = learner.keep_gathered(),
      .reduction = {.in_order = learner.reduction() == v1::REDUCTION_ORDERED, .wire = ToTorch(learner.reduce_dtype())}};
}

PolicyUpdate::Options UpdateOptions(const v1::RunConfig& config, const PolicyObjective& objective) {
  PolicyUpdate::Options options;
  options.micro_batch_tokens = config.learner().micro_batch_tokens();
  options.min_micro_batches = static_cast<int>(config.learner().min_micro_batches());
  options.max_response_tokens = config.rollout().max_new_tokens();
  options.aggregation = objective.traits().aggregation;
  if (config.learner().has_loss_aggregation()) options.aggregation = config.learner().loss_aggregation();
  return options;
}

GroupBook::Options BookOptions(const v1::RunConfig& config, const Tokenizer& tokenizer) {
  const v1::RolloutSection& rollout = config.rollout();
  GroupBook::Options options;
  options.seed = config.run().seed();
  options.shuffle = config.data().shuffle();
  options.gate.max_staleness = config.learner().max_staleness();
  options.gate.groups_per_step = rollout.prompts_per_step();
  options.gate.total_steps = config.run().steps();
  options.group_size = rollout.group_size();
  options.sampling.set_temperature(static_cast<float>(rollout.temperature()));
  options.sampling.set_top_p(static_cast<float>(rollout.top_p()));
  options.sampling.set_top_k(rollout.top_k());
  options.sampling.set_max_new_tokens(rollout.max_new_tokens());
  for (int64_t id : tokenizer.stop_token_ids()) options.sampling.add_stop_token_ids(static_cast<uint32_t>(id));
  return options;
}

Evaluator::Options EvaluationOptions(const v1::RunConfig& config, const Tokenizer& tokenizer) {
  const v1::EvaluationSection& evaluation = config.evaluation();
  Evaluator::Options options;
  options.samples = evaluation.samples();
  options.ks.assign(evaluation.k().begin(), evaluation.k().end());
  if (options.ks.empty()) options.ks = {1, static_cast<int64_t>(options.samples)};
  options.sampling = BookOptions(config, tokenizer).sampling;
  options.sampling.set_temperature(static_cast<float>(evaluation.temperature()));
  options.sampling.set_top_p(static_cast<float>(evaluation.top_p()));
  options.sampling.set_top_k(0);
  if (evaluation.has_max_new_tokens()) options.sampling.set_max_new_tokens(evaluation.max_new_tokens());
  return options;
}

absl::StatusOr<PromptDataset> LoadPrompts(const google::protobuf::RepeatedPtrField<std::string>& files,
                                          const v1::RunConfig& config, const ModelConfig& model,
                                          const Tokenizer& tokenizer) {
  MASPO_ASSIGN_OR_RETURN(PromptDataset dataset, PromptDataset::Load({files.begin(), files.end()}));
  const auto encode = [&](const PromptProblem& problem) -> absl::StatusOr<std::vector<int64_t>> {
    std::vector<ChatMessage> messages;
    if (config.data().has_system_prompt()) messages.push_back({"system", config.data().system_prompt()});
    messages.push_back({"user", absl::StrCat(problem.problem, config.data().prompt_suffix())});
    MASPO_ASSIGN_OR_RETURN(const std::string text,
                           tokenizer.ApplyChatTemplate(messages, /*add_generation_prompt=*/true));
    MASPO_ASSIGN_OR_RETURN(std::vector<int64_t> ids, tokenizer.Encode(text, /*add_special_tokens=*/false));
    for (const int64_t id : ids) {
      if (id < model.vocab_size) continue;
      return absl::InvalidArgumentError(absl::StrCat("the prompt has token id ", id,
                                                     ", but config.json has a vocab_size of ", model.vocab_size,
                                                     "; tokenizer and model do not belong together"));
    }
    return ids;
  };
  MASPO_RETURN_IF_ERROR(dataset.Encode(encode, config.data().max_prompt_tokens()));
  return dataset;
}

absl::Status CheckGeneration(const v1::RunConfig& config, const ModelConfig& model, const Tokenizer& tokenizer) {
  MASPO_RETURN_IF_ERROR(CheckPurpose("rollout", BookOptions(config, tokenizer).sampling, config, model));
  if (config.data().eval().empty()) return absl::OkStatus();
  return CheckPurpose("evaluation", EvaluationOptions(config, tokenizer).sampling, config, model);
}

}  // namespace maspo
