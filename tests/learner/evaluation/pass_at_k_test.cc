#include "learner/evaluation/pass_at_k.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>

namespace maspo {
namespace {

// The definition: the share of k-subsets of n responses, c of them correct, that hold a correct one.
double ByCounting(int n, int c, int k) {
  int subsets = 0, passed = 0;
  for (unsigned subset = 0; subset < (1u << n); ++subset) {
    if (std::popcount(subset) != k) continue;
    ++subsets;
    passed += (subset & ((1u << c) - 1)) != 0;
  }
  return static_cast<double>(passed) / subsets;
}

TEST(PassAtKTest, EqualsTheShareOfSubsetsWithACorrectResponse) {
  for (int n = 1; n <= 10; ++n) {
    for (int c = 0; c <= n; ++c) {
      for (int k = 1; k <= n; ++k)
        EXPECT_NEAR(PassAtK(n, c, k), ByCounting(n, c, k), 1e-14) << n << " " << c << " " << k;
    }
  }
}

TEST(PassAtKTest, StaysExactForManySamples) {
  EXPECT_EQ(PassAtK(100000, 0, 50000), 0);
  EXPECT_EQ(PassAtK(100000, 100000, 1), 1);
  EXPECT_NEAR(PassAtK(100000, 1, 50000), 0.5, 1e-12);
  EXPECT_NEAR(PassAtK(100000, 25, 1), 25e-5, 1e-15);
}

TEST(ScoreProblemsTest, AveragesOverProblemsWithStandardErrors) {
  const std::vector<ProblemResult> results = {{"1", "a", 4, 4}, {"2", "a", 4, 0}, {"3", "b", 2, 1}, {"4", "b", 0, 0}};
  const EvaluationTable table = ScoreProblems(results, {1, 4});
  EXPECT_EQ(table.all.samples, 10);
  EXPECT_EQ(table.all.average.problems, 3) << "the problem without a response counts nowhere";
  EXPECT_DOUBLE_EQ(table.all.average.mean, 0.5);
  EXPECT_NEAR(table.all.average.standard_error, std::sqrt(0.25 / 3), 1e-15);
  EXPECT_DOUBLE_EQ(table.all.pass_at.at(1).mean, 0.5);
  EXPECT_EQ(table.all.pass_at.at(4).problems, 2) << "two responses say nothing about Pass@4";
  EXPECT_DOUBLE_EQ(table.by_source.at("a").pass_at.at(4).mean, 0.5);
  EXPECT_DOUBLE_EQ(table.by_source.at("b").average.mean, 0.5);
  EXPECT_EQ(table.by_source.at("b").average.standard_error, 0) << "one problem";
}

TEST(ScoreProblemsTest, NothingScoredGivesZeros) {
  const EvaluationTable table = ScoreProblems({}, {1});
  EXPECT_EQ(table.all.average.problems, 0);
  EXPECT_EQ(table.all.average.mean, 0);
}

}  // namespace
}  // namespace maspo
