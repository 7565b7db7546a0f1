#include "learner/evaluation/pass_at_k.h"

#include <cmath>

#include "services/base/status_macros.h"

namespace maspo {
namespace {

Estimate EstimateMean(const std::vector<double>& values) {
  Estimate estimate;
  estimate.problems = static_cast<int64_t>(values.size());
  if (values.empty()) return estimate;
  const double n = static_cast<double>(values.size());
  for (const double value : values) estimate.mean += value / n;
  if (values.size() == 1) return estimate;
  double squares = 0;
  for (const double value : values) squares += (value - estimate.mean) * (value - estimate.mean);
  estimate.standard_error = std::sqrt(squares / (n - 1) / n);
  return estimate;
}

EvaluationScores Score(const std::vector<const ProblemResult*>& results, const std::vector<int64_t>& ks) {
  EvaluationScores scores;
  std::vector<double> averages;
  std::map<int64_t, std::vector<double>> passes;
  for (const int64_t k : ks) passes[k];
  for (const ProblemResult* result : results) {
    MASPO_CHECK(0 <= result->correct && result->correct <= result->samples);
    if (result->samples == 0) continue;
    scores.samples += result->samples;
    averages.push_back(static_cast<double>(result->correct) / static_cast<double>(result->samples));
    for (auto& [k, values] : passes) {
      if (k <= result->samples) values.push_back(PassAtK(result->samples, result->correct, k));
    }
  }
  scores.average = EstimateMean(averages);
  for (const auto& [k, values] : passes) scores.pass_at[k] = EstimateMean(values);
  return scores;
}

}  // namespace

double PassAtK(int64_t n, int64_t c, int64_t k) {
  MASPO_CHECK(1 <= k && k <= n && 0 <= c && c <= n);
  if (n - c < k) return 1;
  // C(n - c, k) / C(n, k) = prod over i in (n - c, n] of (1 - k / i)
  double all_wrong = 1;
  for (int64_t i = n - c + 1; i <= n; ++i) all_wrong *= 1 - static_cast<double>(k) / static_cast<double>(i);
  return 1 - all_wrong;
}

EvaluationTable ScoreProblems(const std::vector<ProblemResult>& results, const std::vector<int64_t>& ks) {
  std::vector<const ProblemResult*> all;
  std::map<std::string, std::vector<const ProblemResult*>> by_source;
  for (const ProblemResult& result : results) {
    all.push_back(&result);
    by_source[result.source].push_back(&result);
  }
  EvaluationTable table;
  table.all = Score(all, ks);
  for (const auto& [source, of_source] : by_source) table.by_source[source] = Score(of_source, ks);
  return table;
}

}  // namespace maspo
