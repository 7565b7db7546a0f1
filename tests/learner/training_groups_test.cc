#include "learner/training_groups.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "learner/learner_config.h"

namespace maspo {
namespace {

using testing::AllOf;
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
  config.set_normalization(v1::NORMALIZATION_MEAN_ONLY);
  return *MakeAdvantageEstimator(config);
}

TEST(TrainingGroupsTest, AdvantagesAreSpreadOverTokensGroupByGroup) {
  const auto [groups, statistics] =
      ToTrainingGroups({Group("a", {{1, 2}, {-1, 0}}), Group("b", {{1, 1}, {1, 3}})}, *MeanOnly(),
                       /*policy_version=*/0);
  EXPECT_THAT(groups[0].responses[0].advantages, ElementsAre(1, 1));
  EXPECT_TRUE(groups[0].responses[1].advantages.empty());
  EXPECT_THAT(groups[1].responses[1].advantages, ElementsAre(0, 0, 0));
  EXPECT_EQ(statistics.zero_variance_fraction, 0.5);
  EXPECT_EQ(statistics.reward_mean, 0.5);
  EXPECT_EQ(statistics.tokens, 6);
  EXPECT_EQ(statistics.verdicts[v1::VERDICT_WRONG], 1);
}

// What top_p and top_k left out is no difference between policies.
TEST(TrainingGroupsTest, RatiosCompareWholePolicies) {
  v1::TrajectoryGroup group = Group("a", {{1, 2}, {-1, 1}});
  for (const float logprob : {-2.0f, -3.0f}) group.mutable_trajectories(0)->add_policy_logprobs(logprob);
  const auto groups = ToTrainingGroups({group}, *MeanOnly(), /*policy_version=*/0).groups;
  EXPECT_THAT(groups[0].responses[0].behavior_logprobs, ElementsAre(-2, -3));
  EXPECT_THAT(groups[0].responses[1].behavior_logprobs, ElementsAre(-1));
}

TEST(TrainingGroupsTest, DynamicSamplingTakesOutWhatIsAllRightOrAllWrong) {
  std::vector<v1::TrajectoryGroup> groups = {Group("a", {{1, 1}, {1, 2}}), Group("b", {{1, 1}, {-1, 1}}),
                                             Group("c", {{-1, 1}, {-1, 1}})};
  EXPECT_THAT(TakeOutAllOrNoneCorrect(groups), ElementsAre("a", "c"));
  ASSERT_EQ(groups.size(), 1);
  EXPECT_EQ(groups[0].group_id(), "b");
}

TEST(WhyNothingIsTaughtTest, SaysWhatToDo) {
  GroupStatistics statistics{
      .reward_std = 1, .zero_variance_fraction = 0.9, .responses = 8, .length_max = 8192, .truncated_fraction = 1};
  EXPECT_EQ(WhyNothingIsTaught(statistics, 2), std::nullopt) << "some that were cut off are better than others";
  statistics.zero_variance_fraction = 1;
  EXPECT_THAT(*WhyNothingIsTaught(statistics, 2), AllOf(HasSubstr("8192 tokens"), HasSubstr("rollout.max_new_tokens")));
  statistics.truncated_fraction = 0.9;
  EXPECT_THAT(*WhyNothingIsTaught(statistics, 2), HasSubstr("learner.dynamic_sampling"));
  EXPECT_EQ(WhyNothingIsTaught(statistics, 8), std::nullopt) << "groups of one response are compared with each other";
  statistics.reward_std = 0;
  statistics.reward_mean = -1;
  EXPECT_THAT(*WhyNothingIsTaught(statistics, 8),
              AllOf(HasSubstr("all 8 responses got the reward -1"), HasSubstr("maspo verify")));
}

std::string Refusal(const absl::Status& status) { return std::string(status.message()); }

TEST(LearnerConfigTest, RefusesWhatARunCannotDo) {
  v1::RunConfig config;
  EXPECT_TRUE(LoopOptions(config).ok());
  config.mutable_learner()->mutable_advantage()->set_name(v1::ADVANTAGE_REMAX);
  EXPECT_THAT(Refusal(TrainingAdvantage(config).status()), AllOf(HasSubstr("remax"), HasSubstr("greedy response")));
  config.mutable_learner()->mutable_advantage()->set_name(v1::ADVANTAGE_GAE);
  EXPECT_TRUE(TrainingAdvantage(config).ok());
  config.mutable_learner()->mutable_behavior_correction()->set_truncate(2);
  EXPECT_TRUE(LoopOptions(config).ok());
  config.mutable_learner()->set_old_logprobs(v1::OLD_LOGPROBS_BEHAVIOR);
  EXPECT_THAT(Refusal(LoopOptions(config).status()), HasSubstr("needs learner.old_logprobs: recompute"));
}

// What a worker's engine would refuse, group after group.
TEST(LearnerConfigTest, RefusesWhatNoWorkerCouldGenerate) {
  const std::string folder = std::string(std::getenv("MASPO_SOURCE_DIR")) + "/examples/quickstart/base";
  const ModelConfig model = *ModelConfig::Load(folder);
  const std::unique_ptr<Tokenizer> tokenizer = *Tokenizer::Load(folder);
  v1::RunConfig good;
  good.mutable_data()->set_max_prompt_tokens(100);
  good.mutable_rollout()->set_max_new_tokens(100);
  EXPECT_TRUE(CheckGeneration(good, model, *tokenizer).ok());

  v1::RunConfig config = good;
  config.mutable_rollout()->set_max_new_tokens(1000);
  EXPECT_THAT(Refusal(CheckGeneration(config, model, *tokenizer)),
              HasSubstr("data.max_prompt_tokens + rollout.max_new_tokens is 1100, more than the 1024 positions"));
  config = good;
  config.mutable_evaluation()->set_max_new_tokens(1000);
  EXPECT_TRUE(CheckGeneration(config, model, *tokenizer).ok()) << "nothing is evaluated";
  config.mutable_data()->add_eval("eval.jsonl");
  EXPECT_THAT(Refusal(CheckGeneration(config, model, *tokenizer)), HasSubstr("evaluation.max_new_tokens is 1100"));
  config = good;
  config.mutable_rollout()->set_top_p(1e-60);  // 0 as a float.
  EXPECT_THAT(Refusal(CheckGeneration(config, model, *tokenizer)), HasSubstr("rollout: top_p 0"));
  ModelConfig smaller = model;
  smaller.vocab_size = tokenizer->stop_token_ids().front();
  EXPECT_THAT(Refusal(CheckGeneration(good, smaller, *tokenizer)),
              AllOf(HasSubstr("stop token id"), HasSubstr("generation_config.json")));
}

TEST(LearnerConfigTest, TheAggregationIsTheObjectivesOwnUnlessGiven) {
  v1::RunConfig config;
  config.mutable_learner()->mutable_objective()->set_name(v1::OBJECTIVE_GSPO);
  const auto objective = *MakeObjective(config.learner().objective());
  EXPECT_EQ(UpdateOptions(config, *objective).aggregation, v1::AGGREGATION_SEQ_MEAN_TOKEN_MEAN);
  config.mutable_learner()->set_loss_aggregation(v1::AGGREGATION_TOKEN_MEAN);
  EXPECT_EQ(UpdateOptions(config, *objective).aggregation, v1::AGGREGATION_TOKEN_MEAN);
}

}  // namespace
}  // namespace maspo
