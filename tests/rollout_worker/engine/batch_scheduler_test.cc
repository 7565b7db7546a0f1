#include "rollout_worker/engine/batch_scheduler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"

namespace maspo {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// "7/prefix 0+15" or "7/2 15+1 sample": request/sample begin+length.
std::vector<std::string> Segments(const StepPlan& plan) {
  std::vector<std::string> lines;
  for (const StepSegment& segment : plan.segments) {
    lines.push_back(absl::StrCat(segment.id.request, "/",
                                 segment.is_prefix ? "prefix" : absl::StrCat(segment.id.sample), " ", segment.begin,
                                 "+", segment.length, segment.samples ? " sample" : ""));
  }
  return lines;
}

BatchScheduler::Options Cache(int num_blocks, int block_tokens = 4) {
  return {.max_running_sequences = 8,
          .block_tokens = block_tokens,
          .num_blocks = num_blocks,
          .prefill_tokens_per_step = 64};
}

TEST(BatchSchedulerTest, PromptIsPrefilledOnceAndThenForkedForEverySample) {
  BatchScheduler scheduler(Cache(32));
  scheduler.Add(7, /*prompt_tokens=*/11, /*num_samples=*/3);
  EXPECT_EQ(scheduler.num_waiting(), 3);
  EXPECT_THAT(Segments(scheduler.Plan()), ElementsAre("7/prefix 0+10"));
  const StepPlan fork = scheduler.Plan();
  EXPECT_THAT(Segments(fork), ElementsAre("7/0 10+1 sample", "7/1 10+1 sample", "7/2 10+1 sample"));
  EXPECT_EQ(fork.copies.size(), 2u) << "the last sample takes the prompt's own tail block over";
  EXPECT_EQ(scheduler.num_waiting(), 0);
  EXPECT_THAT(Segments(scheduler.Plan()), ElementsAre("7/0 11+1 sample", "7/1 11+1 sample", "7/2 11+1 sample"));
}

TEST(BatchSchedulerTest, FullPromptBlocksAreStoredOnce) {
  BatchScheduler scheduler(Cache(32));
  scheduler.Add(0, 11, 4);
  scheduler.Plan();
  scheduler.Plan();
  // 10 prompt tokens and one more: two shared blocks and one block of each sample.
  EXPECT_EQ(scheduler.allocator().num_blocks() - scheduler.allocator().num_free(), 2 + 4);
}

TEST(BatchSchedulerTest, OneTokenPromptNeedsNoPrefill) {
  BatchScheduler scheduler(Cache(32));
  scheduler.Add(0, 1, 2);
  EXPECT_THAT(Segments(scheduler.Plan()), ElementsAre("0/0 0+1 sample", "0/1 0+1 sample"));
}

TEST(BatchSchedulerTest, LongPrefillTakesSeveralStepsWhileOthersDecode) {
  BatchScheduler::Options options = Cache(64);
  options.prefill_tokens_per_step = 8;
  BatchScheduler scheduler(options);
  scheduler.Add(0, 1, 1);
  scheduler.Add(1, 21, 1);
  EXPECT_THAT(Segments(scheduler.Plan()), ElementsAre("0/0 0+1 sample", "1/prefix 0+8"));
  EXPECT_THAT(Segments(scheduler.Plan()), ElementsAre("0/0 1+1 sample", "1/prefix 8+8"));
  EXPECT_THAT(Segments(scheduler.Plan()), ElementsAre("0/0 2+1 sample", "1/prefix 16+4"));
  EXPECT_THAT(Segments(scheduler.Plan()), ElementsAre("0/0 3+1 sample", "1/0 20+1 sample"));
}

TEST(BatchSchedulerTest, SamplesAreForkedAsSlotsBecomeFree) {
  BatchScheduler::Options options = Cache(64);
  options.max_running_sequences = 2;
  BatchScheduler scheduler(options);
  scheduler.Add(0, 5, 3);
  scheduler.Plan();
  EXPECT_THAT(Segments(scheduler.Plan()), ElementsAre("0/0 4+1 sample", "0/1 4+1 sample"));
  EXPECT_EQ(scheduler.num_waiting(), 1);
  scheduler.Finish({0, 0});
  EXPECT_THAT(Segments(scheduler.Plan()), ElementsAre("0/1 5+1 sample", "0/2 4+1 sample"));
}

TEST(BatchSchedulerTest, NoPrefillIsStartedForSamplesThatWouldFindNoSlot) {
  BatchScheduler::Options options = Cache(64);
  options.max_running_sequences = 4;
  BatchScheduler scheduler(options);
  scheduler.Add(0, 5, 4);
  scheduler.Add(1, 5, 4);
  EXPECT_THAT(Segments(scheduler.Plan()), ElementsAre("0/prefix 0+4"));
}

TEST(BatchSchedulerTest, HeadOfTheQueueIsNotOvertaken) {
  BatchScheduler scheduler(Cache(6));
  scheduler.Add(0, 9, 1);   // 2 blocks, then 3 with the first token.
  scheduler.Add(1, 13, 1);  // 3 blocks: would leave none to grow.
  scheduler.Add(2, 2, 1);   // 1 block: would fit, but came later.
  EXPECT_THAT(Segments(scheduler.Plan()), ElementsAre("0/prefix 0+8", "1/prefix 0+12", "2/prefix 0+1"));
  BatchScheduler later(Cache(6));
  later.Add(0, 9, 1);
  later.Plan();
  later.Plan();
  later.Add(1, 13, 1);
  later.Add(2, 2, 1);
  EXPECT_THAT(Segments(later.Plan()), ElementsAre("0/0 9+1 sample"));
}

TEST(BatchSchedulerTest, YoungestIsPreemptedWhenBlocksRunOut) {
  BatchScheduler scheduler(Cache(4));
  scheduler.Add(0, 4, 1);
  scheduler.Add(1, 4, 1);
  scheduler.Plan();  // Both prefixes: a block each.
  EXPECT_THAT(Segments(scheduler.Plan()), ElementsAre("0/0 3+1 sample", "1/0 3+1 sample"));
  for (int i = 0; i < 4; ++i) scheduler.Plan();  // Tokens 4..7: two blocks each.
  EXPECT_EQ(scheduler.num_preemptions(), 0u);
  EXPECT_THAT(Segments(scheduler.Plan()), ElementsAre("0/0 8+1 sample"));
  EXPECT_EQ(scheduler.num_preemptions(), 1u);
  EXPECT_EQ(scheduler.num_waiting(), 1);
}

TEST(BatchSchedulerTest, PreemptedSequencePrefillsAllItsTokensAgain) {
  BatchScheduler scheduler(Cache(4));
  scheduler.Add(0, 4, 1);
  scheduler.Add(1, 4, 1);
  for (int i = 0; i < 7; ++i) scheduler.Plan();
  ASSERT_EQ(scheduler.num_preemptions(), 1u);
  scheduler.Finish({0, 0});
  // It had 4 prompt tokens and sampled 5; all 9 are fed and the tenth is sampled.
  EXPECT_THAT(Segments(scheduler.Plan()), ElementsAre("1/0 0+9 sample"));
  EXPECT_THAT(Segments(scheduler.Plan()), ElementsAre("1/0 9+1 sample"));
}

TEST(BatchSchedulerTest, PreemptedSequenceGoesBeforeYoungerRequests) {
  BatchScheduler scheduler(Cache(4));
  scheduler.Add(0, 4, 1);
  scheduler.Add(1, 4, 1);
  for (int i = 0; i < 7; ++i) scheduler.Plan();
  scheduler.Add(2, 1, 1);
  EXPECT_THAT(Segments(scheduler.Plan()), ElementsAre("0/0 9+1 sample"));
  scheduler.Finish({0, 0});
  EXPECT_THAT(Segments(scheduler.Plan()), ElementsAre("1/0 0+9 sample"));
}

TEST(BatchSchedulerTest, SampleTakesThePrefixOverWhenNoBlockIsLeftForACopy) {
  BatchScheduler scheduler(Cache(/*num_blocks=*/1));
  scheduler.Add(0, 3, 2);
  EXPECT_THAT(Segments(scheduler.Plan()), ElementsAre("0/prefix 0+2"));
  EXPECT_THAT(Segments(scheduler.Plan()), ElementsAre("0/0 2+1 sample"));
  scheduler.Finish({0, 0});
  EXPECT_THAT(Segments(scheduler.Plan()), ElementsAre("0/prefix 0+2"));
  EXPECT_THAT(Segments(scheduler.Plan()), ElementsAre("0/1 2+1 sample"));
}

TEST(BatchSchedulerTest, CancelFreesEverythingOfTheRequest) {
  BatchScheduler scheduler(Cache(64));
  scheduler.Add(0, 10, 20);
  scheduler.Add(1, 10, 1);
  scheduler.Plan();
  scheduler.Plan();
  scheduler.Cancel(0);
  scheduler.Cancel(1);
  EXPECT_FALSE(scheduler.has_work());
  EXPECT_EQ(scheduler.allocator().num_free(), 64);
  EXPECT_THAT(Segments(scheduler.Plan()), IsEmpty());
}

}  // namespace
}  // namespace maspo
