#include "learner/evaluation/evaluator.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "learner/prompts/prompt_group.h"
#include "services/base/status_macros.h"

namespace maspo {
namespace {

// Puts the scores into `row` under PREFIX/...
void Record(const EvaluationScores& scores, const std::string& prefix, std::map<std::string, double>& row) {
  row[prefix + "avg_at_k"] = scores.average.mean;
  row[prefix + "avg_at_k_stderr"] = scores.average.standard_error;
  row[prefix + "problems"] = static_cast<double>(scores.average.problems);
  for (const auto& [k, estimate] : scores.pass_at) row[absl::StrCat(prefix, "pass_at_", k)] = estimate.mean;
  if (!scores.pass_at.empty()) row[prefix + "pass_at_k"] = scores.pass_at.rbegin()->second.mean;
}

}  // namespace

void Evaluator::Begin(uint64_t step) {
  std::vector<v1::PromptGroup> groups = MakeEvaluationGroups(*dataset_, step, options_.samples, options_.sampling);
  std::vector<std::string> ids;
  ids.reserve(groups.size());
  for (const v1::PromptGroup& group : groups) ids.push_back(group.group_id());
  collector_->Expect(ids);
  leaser_->EnqueueEvaluation(std::move(groups));
}

absl::StatusOr<std::map<std::string, double>> Evaluator::Await(absl::Time deadline) {
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
  const EvaluationTable table = ScoreProblems(results, options_.ks);
  std::map<std::string, double> row{{"eval/response_length_mean", tokens / std::max(1.0, responses)}};
  Record(table.all, "eval/", row);
  for (const auto& [source, scores] : table.by_source) Record(scores, absl::StrCat("eval/", source, "/"), row);
  return row;
}

}  // namespace maspo
