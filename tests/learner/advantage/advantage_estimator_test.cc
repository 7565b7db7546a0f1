#include "learner/advantage/advantage_estimator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "services/base/spelling.h"

namespace maspo {
namespace {

using testing::DoubleNear;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;

v1::AdvantageConfig Named(const std::string& name, const std::string& normalization = "") {
  v1::AdvantageConfig config;
  config.set_name(FromSpelling<v1::Advantage>(name).value());
  if (!normalization.empty()) config.set_normalization(FromSpelling<v1::Normalization>(normalization).value());
  return config;
}

// Responses of `lengths` tokens with outcome rewards, all of one group.
AdvantageInputs OneGroup(const std::vector<double>& rewards, const std::vector<size_t>& lengths) {
  AdvantageInputs in;
  for (size_t i = 0; i < rewards.size(); ++i) {
    in.rewards.emplace_back(std::max<size_t>(1, lengths[i]), 0.0).back() = rewards[i];
    in.is_token.emplace_back(std::max<size_t>(1, lengths[i]), lengths[i] > 0);
    in.group.push_back(7);
  }
  return in;
}

// The advantage of each response's first token, for one group of responses of one token each.
std::vector<double> Of(const v1::AdvantageConfig& config, const std::vector<double>& rewards) {
  const auto estimator = MakeAdvantageEstimator(config);
  EXPECT_TRUE(estimator.ok()) << estimator.status();
  std::vector<double> advantages;
  for (const auto& row : (*estimator)->Compute(OneGroup(rewards, std::vector<size_t>(rewards.size(), 1))).advantages) {
    advantages.push_back(row.front());
  }
  return advantages;
}

TEST(AdvantageEstimatorTest, EqualRewardsGiveExactlyZero) {
  for (const v1::AdvantageConfig& config :
       {Named("grpo", "std"), Named("grpo", "mean_only"), Named("grpo", "paper_population_std"), Named("rloo"),
        Named("opo"), Named("reinforce_pp_baseline")}) {
    // In double precision the mean of three times 0.1 is not 0.1, and in float the mean of eight times 0.1f is not
    // 0.1f.
    EXPECT_THAT(Of(config, std::vector<double>(8, 0.1f)), Each(0.0)) << Spelling(config.name());
    EXPECT_THAT(Of(config, std::vector<double>(8, 0.1)), Each(0.0)) << Spelling(config.name());
    EXPECT_THAT(Of(config, std::vector<double>(3, 0.1)), Each(0.0)) << Spelling(config.name());
    EXPECT_THAT(Of(config, std::vector<double>(16, -1)), Each(0.0)) << Spelling(config.name());
    EXPECT_THAT(Of(config, {}), testing::IsEmpty());
  }
}

TEST(AdvantageEstimatorTest, NormalizationsScaleTheSameCentredRewards) {
  EXPECT_THAT(Of(Named("grpo", "mean_only"), {1, 0, 0, 0}), ElementsAre(0.75, -0.25, -0.25, -0.25));
  EXPECT_THAT(Of(Named("grpo"), {1, 0, 0, 0})[0], DoubleNear(0.75 / (0.5 + 1e-6), 1e-12));
  EXPECT_THAT(Of(Named("grpo", "paper_population_std"), {1, 0, 0, 0})[0], DoubleNear(std::sqrt(3.0), 1e-12));
  v1::AdvantageConfig config = Named("grpo");
  config.set_epsilon(0.5);
  EXPECT_THAT(Of(config, {1, 0, 0, 0})[0], DoubleNear(0.75, 1e-12));
}

TEST(AdvantageEstimatorTest, ALoneResponseKeepsItsReward) {
  for (const char* name : {"grpo", "rloo", "opo"}) EXPECT_THAT(Of(Named(name), {-1}), ElementsAre(-1)) << name;
  EXPECT_THAT(Of(Named("grpo", "paper_population_std"), {-1}), ElementsAre(0));
}

TEST(AdvantageEstimatorTest, RlooComparesWithTheOthers) {
  EXPECT_THAT(Of(Named("rloo"), {1, 0, 0.5}), ElementsAre(DoubleNear(0.75, 1e-12), DoubleNear(-0.75, 1e-12), 0));
}

TEST(AdvantageEstimatorTest, OpoWeighsRewardsByLength) {
  const auto estimator = MakeAdvantageEstimator(Named("opo"));
  const Advantages got = (*estimator)->Compute(OneGroup({1, 0, 1}, {1, 3, 0}));
  EXPECT_THAT(got.advantages[0], ElementsAre(0.75));
  EXPECT_THAT(got.advantages[1], ElementsAre(-0.25, -0.25, -0.25));
}

TEST(AdvantageEstimatorTest, WhitenedAdvantagesHaveMeanZeroAndVarianceOne) {
  for (const char* name : {"reinforce_pp", "reinforce_pp_baseline", "gae"}) {
    const auto estimator = MakeAdvantageEstimator(Named(name));
    const AdvantageInputs in = OneGroup({1, -1, 0.5, 1}, {4, 1, 0, 6});
    const Advantages got = (*estimator)->Compute(in);
    double sum = 0, squares = 0;
    for (size_t i = 0; i < 4; ++i) {
      for (size_t t = 0; t < got.advantages[i].size(); ++t) {
        if (!in.is_token[i][t]) continue;
        sum += got.advantages[i][t];
        squares += got.advantages[i][t] * got.advantages[i][t];
      }
    }
    EXPECT_NEAR(sum, 0, 1e-9) << name;
    EXPECT_NEAR(squares / 10, 1, 1e-6) << name;
  }
}

TEST(AdvantageEstimatorTest, WithoutVarianceOrTokensWhiteningStaysFinite) {
  for (const char* name : {"reinforce_pp", "reinforce_pp_baseline", "gae"}) {
    const auto estimator = MakeAdvantageEstimator(Named(name));
    EXPECT_THAT((*estimator)->Compute(OneGroup({0.1, 0.1}, {2, 3})).advantages[1], Each(DoubleNear(0, 1e-9))) << name;
    EXPECT_THAT((*estimator)->Compute(OneGroup({1, 1}, {0, 0})).advantages[1], Each(0)) << name;
    EXPECT_THAT((*estimator)->Compute(OneGroup({1}, {1})).advantages[0], Each(0)) << name;
  }
}

TEST(AdvantageEstimatorTest, GaeWithoutValuesIsTheReturnDiscountedByGammaLambda) {
  v1::AdvantageConfig config = Named("gae");
  config.set_gamma(0.9);
  config.set_lambda(0.5);
  const auto estimator = MakeAdvantageEstimator(config);
  EXPECT_THAT((*estimator)->Compute(OneGroup({2}, {3})).returns[0],
              ElementsAre(DoubleNear(2 * 0.45 * 0.45, 1e-12), DoubleNear(0.9, 1e-12), 2));
}

TEST(AdvantageEstimatorTest, RemaxSubtractsTheGreedyReward) {
  const auto estimator = MakeAdvantageEstimator(Named("remax"));
  EXPECT_TRUE((*estimator)->needs_baselines());
  AdvantageInputs in = OneGroup({1, -1}, {2, 1});
  in.baselines = {0.25, 0.25};
  EXPECT_THAT((*estimator)->Compute(in).advantages, ElementsAre(ElementsAre(0.75, 0.75), ElementsAre(-1.25)));
}

TEST(AdvantageEstimatorTest, GroupsAreComparedWithinThemselves) {
  AdvantageInputs in = OneGroup({1, 0, 1, 1}, {1, 1, 1, 1});
  in.group = {3, 9, 9, 3};
  const auto estimator = MakeAdvantageEstimator(Named("grpo", "mean_only"));
  EXPECT_THAT((*estimator)->Compute(in).advantages,
              ElementsAre(ElementsAre(0), ElementsAre(-0.5), ElementsAre(0.5), ElementsAre(0)));
}

TEST(AdvantageEstimatorTest, WrongConfigurationsAreRefusedWithASentence) {
  const auto message = [](const v1::AdvantageConfig& config) {
    return std::string(MakeAdvantageEstimator(config).status().message());
  };
  EXPECT_THAT(message(Named("rloo", "std")), HasSubstr("estimator rloo has no parameters"));
  v1::AdvantageConfig config = Named("reinforce_pp");
  config.set_lambda(0.5);
  EXPECT_THAT(message(config), HasSubstr("no such parameter (it has: gamma)"));
  config = Named("gae");
  config.set_gamma(1.5);
  EXPECT_THAT(message(config), HasSubstr("learner.advantage.gamma must be from 0 to 1, not 1.5"));
  config = Named("grpo", "mean_only");
  config.set_epsilon(1e-3);
  EXPECT_THAT(message(config), HasSubstr("only normalization std"));
}

}  // namespace
}  // namespace maspo
