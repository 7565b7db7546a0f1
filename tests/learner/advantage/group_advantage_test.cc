#include "learner/advantage/group_advantage.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace maspo {
namespace {

using testing::DoubleNear;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;

std::vector<double> Advantages(const std::string& normalization, const std::vector<double>& rewards) {
  v1::AdvantageConfig config;
  config.set_normalization(normalization);
  const auto estimator = MakeGroupAdvantage(config);
  EXPECT_TRUE(estimator.ok()) << estimator.status();
  return (*estimator)->Compute(rewards);
}

TEST(GroupAdvantageTest, EqualRewardsGiveExactlyZero) {
  for (const char* normalization : {"std", "mean_only", "paper_population_std"}) {
    // In double precision the mean of three times 0.1 is not 0.1, and in float the mean of eight times 0.1f is not
    // 0.1f.
    EXPECT_THAT(Advantages(normalization, std::vector<double>(8, 0.1f)), Each(0.0));
    EXPECT_THAT(Advantages(normalization, std::vector<double>(3, 0.1)), Each(0.0));
    EXPECT_THAT(Advantages(normalization, std::vector<double>(16, -1)), Each(0.0));
    EXPECT_THAT(Advantages(normalization, {}), testing::IsEmpty());
  }
}

TEST(GroupAdvantageTest, NormalizationsScaleTheSameCentredRewards) {
  const double one_of_four = std::sqrt(3.0);
  EXPECT_THAT(Advantages("mean_only", {1, 0, 0, 0}), ElementsAre(0.75, -0.25, -0.25, -0.25));
  EXPECT_THAT(Advantages("std", {1, 0, 0, 0})[0], DoubleNear(0.75 / (0.5 + 1e-6), 1e-12));
  EXPECT_THAT(Advantages("paper_population_std", {1, 0, 0, 0})[0], DoubleNear(one_of_four, 1e-12));
}

TEST(GroupAdvantageTest, ALoneResponseKeepsItsReward) {
  EXPECT_THAT(Advantages("std", {-1}), ElementsAre(-1));
  EXPECT_THAT(Advantages("mean_only", {-1}), ElementsAre(-1));
  EXPECT_THAT(Advantages("paper_population_std", {-1}), ElementsAre(0));
}

TEST(GroupAdvantageTest, UnknownNamesAreRefusedWithTheKnownOnes) {
  v1::AdvantageConfig config;
  config.set_normalization("sd");
  EXPECT_THAT(std::string(MakeGroupAdvantage(config).status().message()), HasSubstr("mean_only"));
  config.set_name("gae");
  EXPECT_THAT(std::string(MakeGroupAdvantage(config).status().message()), HasSubstr("known: grpo"));
}

}  // namespace
}  // namespace maspo
