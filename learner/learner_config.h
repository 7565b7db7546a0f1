#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "learner/evaluation/evaluator.h"
#include "learner/prompts/group_book.h"
#include "learner/prompts/prompt_dataset.h"
#include "learner/training_loop.h"
#include "learner/update/policy_update.h"
#include "model/model_config.h"
#include "model/tokenizer.h"
#include "proto/run_config.pb.h"

namespace maspo {

// From the run's configuration to each part's Options. Pure, apart from reading data sets.

// InvalidArgument: parameters out of range, or that do not fit together.
absl::StatusOr<TrainingLoop::Options> LoopOptions(const v1::RunConfig& config);

// InvalidArgument: as MakeAdvantageEstimator, and an estimator that needs what a run does not have.
absl::StatusOr<std::unique_ptr<AdvantageEstimator>> TrainingAdvantage(const v1::RunConfig& config);

ShardedPolicy::Options ShardingOptions(const v1::RunConfig& config);
PolicyUpdate::Options UpdateOptions(const v1::RunConfig& config, const PolicyObjective& objective);
GroupBook::Options BookOptions(const v1::RunConfig& config, const Tokenizer& tokenizer);
Evaluator::Options EvaluationOptions(const v1::RunConfig& config, const Tokenizer& tokenizer);

// Problems of `files` with their prompts: system prompt, problem, suffix, through the chat template. Errors as in
// PromptDataset; FailedPrecondition: the model folder has no chat template; InvalidArgument: a token that the model
// lacks.
absl::StatusOr<PromptDataset> LoadPrompts(const google::protobuf::RepeatedPtrField<std::string>& files,
                                          const v1::RunConfig& config, const ModelConfig& model,
                                          const Tokenizer& tokenizer);

// InvalidArgument: what no worker could generate, for training or for evaluation: more tokens than the model has
// positions, sampling parameters that the engine refuses, a stop token that the model lacks.
absl::Status CheckGeneration(const v1::RunConfig& config, const ModelConfig& model, const Tokenizer& tokenizer);

}  // namespace maspo
