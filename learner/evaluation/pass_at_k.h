#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace maspo {

// Unbiased estimate of the chance that at least one of k responses is correct, from n responses of which c are: the
// share of k-subsets that hold a correct one, 1 - C(n - c, k) / C(n, k), as a product that neither overflows nor
// cancels. 1 <= k <= n, 0 <= c <= n.
double PassAtK(int64_t n, int64_t c, int64_t k);

// How one problem went.
struct ProblemResult {
  std::string id;
  std::string source;   // Name of the data set.
  int64_t samples = 0;  // n
  int64_t correct = 0;  // c
};

// A mean over problems and its standard error (sample standard deviation / sqrt(problems); 0 for a single problem).
struct Estimate {
  double mean = 0;
  double standard_error = 0;
  int64_t problems = 0;
};

struct EvaluationScores {
  int64_t samples = 0;                  // Over all problems.
  Estimate average;                     // Avg@n: share of correct responses, averaged over problems.
  std::map<int64_t, Estimate> pass_at;  // By k; over the problems that have at least k responses.
};

// Scores of all problems together and of each source. Problems without a response count nowhere.
struct EvaluationTable {
  EvaluationScores all;
  std::map<std::string, EvaluationScores> by_source;
};
EvaluationTable ScoreProblems(const std::vector<ProblemResult>& results, const std::vector<int64_t>& ks);

}  // namespace maspo
