#include <gtest/gtest.h>

#include <algorithm>

#include "learner/update/learning_rate.h"
#include "learner/update/microbatch_plan.h"

namespace maspo {
namespace {

GroupSize Group(int64_t prompt, std::vector<int64_t> responses) {
  return {prompt, responses, std::vector<bool>(responses.size(), false)};
}

int64_t TokensOf(const std::vector<GroupSize>& groups, const Microbatch& batch) {
  int64_t tokens = 0;
  for (const PackedSlice& slice : batch) {
    tokens += groups[slice.group].prompt_tokens;
    for (int r : slice.responses) tokens += groups[slice.group].response_tokens[r];
  }
  return tokens;
}

TEST(MicrobatchPlanTest, KeepsToTheBudgetAndLosesNoResponse) {
  const std::vector<GroupSize> groups = {Group(10, {5, 20, 30}), Group(7, {1, 1, 1, 40}), Group(3, {9})};
  for (const int64_t budget : {45, 60, 1000}) {
    std::vector<std::pair<int, int>> seen;
    for (const Microbatch& batch : PlanMicrobatches(groups, {.max_tokens = budget})) {
      EXPECT_LE(TokensOf(groups, batch), budget == 45 ? 47 : budget);  // Response 1.3 needs 47 by itself.
      for (const PackedSlice& slice : batch) {
        for (int r : slice.responses) seen.emplace_back(slice.group, r);
      }
    }
    const std::vector<std::pair<int, int>> all = {{0, 0}, {0, 1}, {0, 2}, {1, 0}, {1, 1}, {1, 2}, {1, 3}, {2, 0}};
    std::sort(seen.begin(), seen.end());  // The costliest micro-batches come first.
    EXPECT_EQ(seen, all) << budget;
  }
}

TEST(MicrobatchPlanTest, GivesEveryRankAboutTheSameToDo) {
  std::vector<GroupSize> groups;
  for (int g = 0; g < 32; ++g) groups.push_back(Group(50, {100, 200, 300, 150, g % 8 == 0 ? 900 : 120, 80, 400, 250}));
  const auto batches = PlanMicrobatches(groups, {.max_tokens = 1 << 20, .at_least = 8});
  ASSERT_EQ(batches.size(), 8u);
  const int64_t most = TokensOf(groups, batches.front()), least = TokensOf(groups, batches.back());
  EXPECT_LT(static_cast<double>(most), 1.15 * static_cast<double>(least));
  EXPECT_GE(most, least) << "the costliest first";
}

// Where attention is dear, a long response weighs more than its tokens.
TEST(MicrobatchPlanTest, CountsTheCostOfAttention) {
  const std::vector<GroupSize> groups = {Group(10, {8000, 1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000})};
  const auto batches = PlanMicrobatches(groups, {.max_tokens = 1 << 20, .at_least = 2, .cost_of_pair = 0.01});
  ASSERT_EQ(batches.size(), 2u);
  EXPECT_EQ(batches[0][0].responses, std::vector<int>{0});
}

TEST(MicrobatchPlanTest, SharesThePromptInsideAMicrobatch) {
  const std::vector<Microbatch> batches = PlanMicrobatches({Group(100, {10, 10, 10})}, {.max_tokens = 130});
  ASSERT_EQ(batches.size(), 1u);
  EXPECT_EQ(batches[0][0].responses, (std::vector<int>{0, 1, 2}));
}

TEST(MicrobatchPlanTest, LeavesOutWhatIsSkipped) {
  GroupSize group = Group(5, {1, 2, 3});
  group.skip[1] = true;
  EXPECT_EQ(PlanMicrobatches({group}, {.max_tokens = 100})[0][0].responses, (std::vector<int>{0, 2}));
  group.skip = {true, true, true};
  EXPECT_TRUE(PlanMicrobatches({group}, {.max_tokens = 100}).empty());
}

v1::OptimizerConfig Schedule(v1::Schedule name, uint64_t warmup, double final_ratio) {
  v1::OptimizerConfig config;
  config.set_learning_rate(2.0);
  config.set_schedule(name);
  config.set_warmup_steps(warmup);
  config.set_final_learning_rate_ratio(final_ratio);
  return config;
}

TEST(LearningRateScheduleTest, WarmsUpLinearlyThenFollowsItsShape) {
  const LearningRateSchedule constant(Schedule(v1::SCHEDULE_CONSTANT, 4, 0.1), 100);
  EXPECT_DOUBLE_EQ(constant.At(1), 0.5);
  EXPECT_DOUBLE_EQ(constant.At(4), 2.0);
  EXPECT_DOUBLE_EQ(constant.At(100), 2.0);
  const LearningRateSchedule linear(Schedule(v1::SCHEDULE_LINEAR, 0, 0.1), 100);
  EXPECT_DOUBLE_EQ(linear.At(50), 2.0 * 0.55);
  EXPECT_DOUBLE_EQ(linear.At(100), 0.2);
  const LearningRateSchedule cosine(Schedule(v1::SCHEDULE_COSINE, 0, 0.0), 100);
  EXPECT_DOUBLE_EQ(cosine.At(50), 1.0);
  EXPECT_NEAR(cosine.At(100), 0.0, 1e-12);
}

}  // namespace
}  // namespace maspo
