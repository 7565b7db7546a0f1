#include "learner/recorded/recorded_groups.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/temp_dir.h"

namespace maspo {
namespace {

v1::TrajectoryGroup Group() {
  v1::TrajectoryGroup group;
  group.set_group_id("g00000007");
  for (const uint32_t id : {5u, 6u}) group.add_prompt_token_ids(id);
  v1::Trajectory& first = *group.add_trajectories();
  for (const uint32_t id : {7u, 8u}) first.add_token_ids(id);
  for (const float logprob : {-0.1f, -3.3333333f}) first.add_behavior_logprobs(logprob);
  first.set_reward(1);
  group.add_trajectories()->set_reward(-0.5);
  return group;
}

TEST(RecordedGroupsTest, WhatIsWrittenIsReadBackExactly) {
  const TempDir dir;
  v1::TrajectoryGroup other = Group();
  other.set_group_id("g00000003");
  ASSERT_TRUE(WriteRecordedStep(dir.path(), 12, {Group(), other}).ok());
  const std::string path = dir.File("groups/step-00000012.jsonl");
  const auto groups = ReadRecordedGroups({path, path}, /*vocab_size=*/9, /*max_positions=*/4);
  ASSERT_TRUE(groups.ok()) << groups.status();
  ASSERT_EQ(groups->size(), 4u);
  EXPECT_EQ((*groups)[0].SerializeAsString(), Group().SerializeAsString());
  EXPECT_EQ((*groups)[3].group_id(), "g00000003") << "in the order of the lines";
}

// Where top_p or top_k restricted the sampler, ratios are those of the whole policy.
TEST(RecordedGroupsTest, TheWholePolicysLogprobsAreKept) {
  v1::TrajectoryGroup group = Group();
  for (const float logprob : {-0.25f, -4.0f}) group.mutable_trajectories(0)->add_policy_logprobs(logprob);
  EXPECT_THAT(RecordedLine(group), ::testing::HasSubstr(R"("behavior_logprobs":[-0.25,-4.0])"));
}

TEST(RecordedGroupsTest, AnEmptyFileAndAMissingOneAreErrors) {
  const TempDir dir;
  EXPECT_TRUE(absl::IsInvalidArgument(ReadRecordedGroups({dir.Write("empty.jsonl", "")}, 9, 9).status()));
  EXPECT_TRUE(absl::IsNotFound(ReadRecordedGroups({dir.File("none.jsonl")}, 9, 9).status()));
}

}  // namespace
}  // namespace maspo
