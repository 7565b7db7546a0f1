#include "learner/prompts/prompt_group.h"

#include <utility>

#include "absl/strings/str_format.h"

namespace maspo {

v1::PromptGroup MakePromptGroup(const PromptProblem& problem, std::string group_id, uint32_t visit, v1::Purpose purpose,
                                uint32_t num_samples, const v1::SamplingParameters& sampling) {
  v1::PromptGroup group;
  group.set_group_id(std::move(group_id));
  group.set_prompt_id(problem.id);
  group.set_visit(visit);
  group.set_purpose(purpose);
  group.mutable_prompt_token_ids()->Add(problem.prompt_token_ids.begin(), problem.prompt_token_ids.end());
  group.set_problem(problem.problem);
  group.set_gold_answer(problem.answer);
  group.set_source(problem.source);
  group.set_num_samples(num_samples);
  *group.mutable_sampling() = sampling;
  return group;
}

std::string TrainingGroupId(uint64_t index) { return absl::StrFormat("g%08d", index); }

std::vector<v1::PromptGroup> MakeEvaluationGroups(const PromptDataset& dataset, uint64_t round, uint32_t num_samples,
                                                  const v1::SamplingParameters& sampling) {
  std::vector<v1::PromptGroup> groups;
  groups.reserve(dataset.size());
  for (size_t i = 0; i < dataset.size(); ++i) {
    groups.push_back(MakePromptGroup(dataset.at(i), absl::StrFormat("eval-%d-%06d", round, i), 0, v1::PURPOSE_EVAL,
                                     num_samples, sampling));
  }
  return groups;
}

}  // namespace maspo
