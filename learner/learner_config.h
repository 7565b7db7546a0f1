#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "learner/evaluation/evaluator.h"
#include "learner/prompts/prompt_dataset.h"
#include "learner/prompts/prompt_leaser.h"
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

absl::StatusOr<PolicyUpdate::Options> UpdateOptions(const v1::RunConfig& config, const PolicyObjective& objective);
PromptLeaser::Options LeaserOptions(const v1::RunConfig& config, const Tokenizer& tokenizer);
Evaluator::Options EvaluationOptions(const v1::RunConfig& config, const Tokenizer& tokenizer);

// Problems of `files` with their prompts: system prompt, problem, suffix, through the chat template. Errors as in
// PromptDataset; FailedPrecondition: the model folder has no chat template.
absl::StatusOr<PromptDataset> LoadPrompts(const google::protobuf::RepeatedPtrField<std::string>& files,
                                          const v1::RunConfig& config, const Tokenizer& tokenizer);

// InvalidArgument: prompts and responses that the model's positions or a worker's cache cannot hold.
absl::Status CheckLengths(const v1::RunConfig& config, const ModelConfig& model);

}  // namespace maspo
