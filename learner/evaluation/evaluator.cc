#include "learner/evaluation/evaluator.h"

#include <algorithm>

#include "learner/prompts/prompt_group.h"
#include "services/base/status_macros.h"

namespace maspo {

void Evaluator::Begin(uint64_t step) {
  std::vector<v1::PromptGroup> groups = MakeEvaluationGroups(*dataset_, step, options_.samples, options_.sampling);
  std::vector<std::string> ids;
  ids.reserve(groups.size());
  for (const v1::PromptGroup& group : groups) ids.push_back(group.group_id());
  collector_->Expect(ids);
  queue_->EnqueueEvaluation(std::move(groups));
}

absl::StatusOr<EvaluationReport> Evaluator::Await(absl::Time deadline) {
  MASPO_ASSIGN_OR_RETURN(const std::vector<v1::TrajectoryGroup> groups, collector_->Wait(deadline));
  std::vector<ProblemResult> results;
  double tokens = 0, responses = 0;
  for (const v1::TrajectoryGroup& group : groups) {
    const PromptProblem* problem = dataset_->Find(group.prompt_id());
    MASPO_CHECK(problem != nullptr);
    ProblemResult& result = results.emplace_back();
    result.id = problem->id;
    result.source = problem->source;
    result.samples = group.trajectories_size();
    for (const v1::Trajectory& trajectory : group.trajectories()) {
      result.correct += trajectory.verdict() == v1::VERDICT_CORRECT;
      tokens += trajectory.token_ids_size();
      ++responses;
    }
  }
  return EvaluationReport{.table = ScoreProblems(results, options_.ks),
                          .response_length_mean = tokens / std::max(1.0, responses)};
}

}  // namespace maspo
