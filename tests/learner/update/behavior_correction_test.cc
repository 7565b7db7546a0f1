#include "learner/update/behavior_correction.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace maspo {
namespace {

using testing::ElementsAre;
using testing::FloatNear;
using testing::HasSubstr;

// A response whose tokens' ratios of old to behaviour probability are given.
TrainingResponse WithRatios(const std::vector<double>& ratios) {
  TrainingResponse response;
  for (const double ratio : ratios) {
    response.token_ids.push_back(1);
    response.behavior_logprobs.push_back(-2.0f);
    response.old_logprobs.push_back(static_cast<float>(-2.0 + std::log(ratio)));
  }
  return response;
}

std::vector<TrainingGroup> Groups() {
  std::vector<TrainingGroup> groups(1);
  groups[0].responses = {WithRatios({1, 4}), WithRatios({}), WithRatios({0.5, 0.5, 0.5, 0.5})};
  return groups;
}

TEST(BehaviorCorrectionTest, OffByDefault) { EXPECT_TRUE(BehaviorCorrection().is_off()); }

TEST(BehaviorCorrectionTest, RatiosAreTruncatedFromAbove) {
  auto groups = Groups();
  v1::BehaviorCorrectionConfig config;
  config.set_truncate(2);
  const auto statistics = BehaviorCorrection::Make(config)->Apply(absl::MakeSpan(groups));
  EXPECT_THAT(groups[0].responses[0].correction, ElementsAre(FloatNear(1, 1e-6), 2));
  EXPECT_TRUE(groups[0].responses[1].correction.empty());
  EXPECT_THAT(groups[0].responses[2].correction, testing::Each(FloatNear(0.5, 1e-6)));
  EXPECT_NEAR(statistics.weight_mean, 5. / 6, 1e-6);
  EXPECT_NEAR(statistics.truncated_fraction, 1. / 6, 1e-9);
  EXPECT_EQ(statistics.rejected_fraction, 0);
}

TEST(BehaviorCorrectionTest, TheSequenceMaskLooksAtTheProductAndTheGeometricAtTheMean) {
  auto groups = Groups();  // Products 4 and 1/16, geometric means 2 and 1/2.
  v1::BehaviorCorrectionConfig config;
  config.set_sequence_low(0.1);
  config.set_sequence_high(10);
  EXPECT_EQ(BehaviorCorrection::Make(config)->Apply(absl::MakeSpan(groups)).rejected_fraction, 0.5);
  EXPECT_FALSE(groups[0].responses[0].rejected);
  EXPECT_FALSE(groups[0].responses[1].rejected) << "nothing to reject in an empty response";
  EXPECT_TRUE(groups[0].responses[2].rejected);
  EXPECT_TRUE(groups[0].responses[0].correction.empty()) << "a mask alone weighs nothing";

  v1::BehaviorCorrectionConfig geometric;
  geometric.set_geometric_high(1.9);
  BehaviorCorrection::Make(geometric)->Apply(absl::MakeSpan(groups));
  EXPECT_TRUE(groups[0].responses[0].rejected);
  EXPECT_FALSE(groups[0].responses[2].rejected) << "no lower bound";
}

TEST(BehaviorCorrectionTest, ProductsBeyondTheRangeOfNumbersAreStillJudged) {
  std::vector<TrainingGroup> groups(1);
  groups[0].responses = {WithRatios(std::vector<double>(1000, 3)), WithRatios(std::vector<double>(1000, 0.3))};
  v1::BehaviorCorrectionConfig config;
  config.set_truncate(2);
  config.set_sequence_high(1e300);
  BehaviorCorrection::Make(config)->Apply(absl::MakeSpan(groups));
  EXPECT_TRUE(groups[0].responses[0].rejected);
  EXPECT_FALSE(groups[0].responses[1].rejected);
}

TEST(BehaviorCorrectionTest, ImpossibleBoundsAreRefused) {
  v1::BehaviorCorrectionConfig config;
  config.set_truncate(0);
  EXPECT_THAT(std::string(BehaviorCorrection::Make(config).status().message()),
              HasSubstr("learner.behavior_correction.truncate must be greater than 0"));
  config.set_truncate(2);
  config.set_geometric_low(1.1);
  config.set_geometric_high(0.9);
  EXPECT_THAT(std::string(BehaviorCorrection::Make(config).status().message()), HasSubstr("more than geometric_high"));
}

}  // namespace
}  // namespace maspo
