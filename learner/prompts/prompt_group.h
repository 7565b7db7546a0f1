#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "learner/prompts/prompt_dataset.h"
#include "proto/prompt.pb.h"

namespace maspo {

// A group that asks for num_samples responses to one encoded problem.
v1::PromptGroup MakePromptGroup(const PromptProblem& problem, std::string group_id, uint32_t visit, v1::Purpose purpose,
                                uint32_t num_samples, const v1::SamplingParameters& sampling);

// "g00000042": sorts like the number.
std::string TrainingGroupId(uint64_t index);

// One group for every problem of a held-out set, ids "eval-<round>-<index>". The stream of a response does not depend
// on the round, so two rounds differ by the weights alone.
std::vector<v1::PromptGroup> MakeEvaluationGroups(const PromptDataset& dataset, uint64_t round, uint32_t num_samples,
                                                  const v1::SamplingParameters& sampling);

}  // namespace maspo
