#include "learner/training_groups.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "learner/learner_config.h"

namespace maspo {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

v1::TrajectoryGroup Group(const std::string& id, const std::vector<std::pair<double, int>>& rewards_and_tokens) {
  v1::TrajectoryGroup group;
  group.set_group_id(id);
  group.add_prompt_token_ids(5);
  for (const auto& [reward, tokens] : rewards_and_tokens) {
    v1::Trajectory& trajectory = *group.add_trajectories();
    trajectory.set_reward(static_cast<float>(reward));
    trajectory.set_verdict(reward > 0 ? v1::VERDICT_CORRECT : v1::VERDICT_WRONG);
    for (int t = 0; t < tokens; ++t) trajectory.add_token_ids(t), trajectory.add_behavior_logprobs(-1);
  }
  return group;
}

std::unique_ptr<AdvantageEstimator> MeanOnly() {
  v1::AdvantageConfig config;
  config.set_normalization("mean_only");
  return *MakeAdvantageEstimator(config);
}

TEST(TrainingGroupsTest, AdvantagesAreSpreadOverTokensGroupByGroup) {
  std::map<std::string, double> row;
  const auto groups = ToTrainingGroups({Group("a", {{1, 2}, {-1, 0}}), Group("b", {{1, 1}, {1, 3}})}, *MeanOnly(),
                                       /*policy_version=*/0, row);
  EXPECT_THAT(groups[0].responses[0].advantages, ElementsAre(1, 1));
  EXPECT_TRUE(groups[0].responses[1].advantages.empty());
  EXPECT_THAT(groups[1].responses[1].advantages, ElementsAre(0, 0, 0));
  EXPECT_EQ(row.at("group/zero_variance_fraction"), 0.5);
  EXPECT_EQ(row.at("reward/mean"), 0.5);
  EXPECT_EQ(row.at("response/tokens"), 6);
  EXPECT_EQ(row.at("verdict/wrong"), 1);
}

TEST(TrainingGroupsTest, DynamicSamplingTakesOutWhatIsAllRightOrAllWrong) {
  std::vector<v1::TrajectoryGroup> groups = {Group("a", {{1, 1}, {1, 2}}), Group("b", {{1, 1}, {-1, 1}}),
                                             Group("c", {{-1, 1}, {-1, 1}})};
  EXPECT_THAT(TakeOutAllOrNoneCorrect(groups), ElementsAre("a", "c"));
  ASSERT_EQ(groups.size(), 1);
  EXPECT_EQ(groups[0].group_id(), "b");
}

std::string Refusal(const absl::Status& status) { return std::string(status.message()); }

TEST(LearnerConfigTest, RefusesWhatARunCannotDo) {
  v1::RunConfig config;
  EXPECT_TRUE(LoopOptions(config).ok());
  config.mutable_learner()->mutable_advantage()->set_name("remax");
  EXPECT_THAT(Refusal(TrainingAdvantage(config).status()), HasSubstr("greedy response"));
  config.mutable_learner()->mutable_advantage()->set_name("gae");
  EXPECT_TRUE(TrainingAdvantage(config).ok());
  config.mutable_learner()->mutable_behavior_correction()->set_truncate(2);
  EXPECT_TRUE(LoopOptions(config).ok());
  config.mutable_learner()->set_old_logprobs("behavior");
  EXPECT_THAT(Refusal(LoopOptions(config).status()), HasSubstr("needs learner.old_logprobs: recompute"));
}

TEST(LearnerConfigTest, TheAggregationIsTheObjectivesOwnUnlessGiven) {
  v1::RunConfig config;
  config.mutable_learner()->mutable_objective()->set_name("gspo");
  const auto objective = *MakeObjective(config.learner().objective());
  EXPECT_EQ(UpdateOptions(config, *objective)->aggregation, LossAggregation::kSeqMeanTokenMean);
  config.mutable_learner()->set_loss_aggregation("token-mean");
  EXPECT_EQ(UpdateOptions(config, *objective)->aggregation, LossAggregation::kTokenMean);
  config.mutable_learner()->set_loss_aggregation("mean");
  EXPECT_FALSE(UpdateOptions(config, *objective).ok());
}

}  // namespace
}  // namespace maspo
