#include <gtest/gtest.h>

#include "learner/update/learning_rate.h"
#include "learner/update/microbatch_packer.h"

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

TEST(MicrobatchPackerTest, KeepsToTheBudgetAndLosesNoResponse) {
  const std::vector<GroupSize> groups = {Group(10, {5, 20, 30}), Group(7, {1, 1, 1, 40}), Group(3, {9})};
  for (const int64_t budget : {45, 60, 1000}) {
    std::vector<std::pair<int, int>> seen;
    for (const Microbatch& batch : PackMicrobatches(groups, budget)) {
      EXPECT_LE(TokensOf(groups, batch), budget == 45 ? 47 : budget);  // Response 1.3 needs 47 by itself.
      for (const PackedSlice& slice : batch) {
        for (int r : slice.responses) seen.emplace_back(slice.group, r);
      }
    }
    const std::vector<std::pair<int, int>> all = {{0, 0}, {0, 1}, {0, 2}, {1, 0}, {1, 1}, {1, 2}, {1, 3}, {2, 0}};
    EXPECT_EQ(seen, all) << budget;
  }
}

TEST(MicrobatchPackerTest, SharesThePromptInsideAMicrobatch) {
  const std::vector<Microbatch> batches = PackMicrobatches({Group(100, {10, 10, 10})}, 130);
  ASSERT_EQ(batches.size(), 1u);
  EXPECT_EQ(batches[0][0].responses, (std::vector<int>{0, 1, 2}));
}

TEST(MicrobatchPackerTest, LeavesOutWhatIsSkipped) {
  GroupSize group = Group(5, {1, 2, 3});
  group.skip[1] = true;
  EXPECT_EQ(PackMicrobatches({group}, 100)[0][0].responses, (std::vector<int>{0, 2}));
  group.skip = {true, true, true};
  EXPECT_TRUE(PackMicrobatches({group}, 100).empty());
}

v1::OptimizerConfig Schedule(const std::string& name, uint64_t warmup, double final_ratio) {
  v1::OptimizerConfig config;
  config.set_learning_rate(2.0);
  config.set_schedule(name);
  config.set_warmup_steps(warmup);
  config.set_final_learning_rate_ratio(final_ratio);
  return config;
}

TEST(LearningRateScheduleTest, WarmsUpLinearlyThenFollowsItsShape) {
  const auto constant = *LearningRateSchedule::Create(Schedule("constant", 4, 0.1), 100);
  EXPECT_DOUBLE_EQ(constant.At(1), 0.5);
  EXPECT_DOUBLE_EQ(constant.At(4), 2.0);
  EXPECT_DOUBLE_EQ(constant.At(100), 2.0);
  const auto linear = *LearningRateSchedule::Create(Schedule("linear", 0, 0.1), 100);
  EXPECT_DOUBLE_EQ(linear.At(50), 2.0 * 0.55);
  EXPECT_DOUBLE_EQ(linear.At(100), 0.2);
  const auto cosine = *LearningRateSchedule::Create(Schedule("cosine", 0, 0.0), 100);
  EXPECT_DOUBLE_EQ(cosine.At(50), 1.0);
  EXPECT_NEAR(cosine.At(100), 0.0, 1e-12);
}

TEST(LearningRateScheduleTest, NamesAnUnknownSchedule) {
  const auto schedule = LearningRateSchedule::Create(Schedule("cosin", 0, 1), 10);
  EXPECT_EQ(schedule.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(std::string(schedule.status().message()).find("\"cosin\""), std::string::npos);
}

}  // namespace
}  // namespace maspo
