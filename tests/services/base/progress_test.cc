#include "services/base/progress.h"

#include <gtest/gtest.h>

#include "services/base/format.h"

namespace maspo {
namespace {

TEST(ProgressTest, LineShowsRateAndRemainingTime) {
  const ProgressState state{"score", "sequences", 120, 500, absl::Seconds(2), ""};
  EXPECT_EQ(ProgressLine(state), "score: 120/500 sequences, 60/s, 6 s left");
}

TEST(ProgressTest, FinishedLineShowsElapsedTimeInstead) {
  const ProgressState state{"score", "sequences", 500, 500, absl::Seconds(125), "loss 0.31"};
  EXPECT_EQ(ProgressLine(state), "score: 500/500 sequences, 4/s, 2 min 5 s, loss 0.31");
}

TEST(ProgressTest, UnknownTotalShowsNoRemainingTime) {
  const ProgressState state{"read", "lines", 70, 0, absl::Seconds(10), ""};
  EXPECT_EQ(ProgressLine(state), "read: 70 lines, 7/s, 10 s");
}

TEST(ProgressTest, NothingDoneYetLeavesTheRemainingTimeOpen) {
  const ProgressState state{"score", "sequences", 0, 500, absl::Seconds(3), ""};
  EXPECT_EQ(ProgressLine(state), "score: 0/500 sequences, 0/s, ? left");
}

TEST(ProgressTest, IsSilentForTwoSecondsThenTenTimesASecondOrEveryTenSeconds) {
  EXPECT_FALSE(ProgressIsDue(true, absl::Seconds(1.9), absl::InfiniteDuration()));
  EXPECT_TRUE(ProgressIsDue(true, absl::Seconds(2), absl::InfiniteDuration()));
  EXPECT_FALSE(ProgressIsDue(true, absl::Seconds(5), absl::Milliseconds(99)));
  EXPECT_TRUE(ProgressIsDue(true, absl::Seconds(5), absl::Milliseconds(100)));
  EXPECT_FALSE(ProgressIsDue(false, absl::Seconds(9), absl::Seconds(9)));
  EXPECT_TRUE(ProgressIsDue(false, absl::Seconds(12), absl::Seconds(10)));
}

TEST(ProgressTest, ShortWorkPrintsNothing) {
  ::testing::internal::CaptureStderr();
  {
    Progress progress("score", "sequences", 2);
    progress.Update(1);
    progress.Update(2);
  }
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
}

TEST(HumanFormatTest, NumbersKeepThreeDigits) {
  EXPECT_EQ(HumanNumber(0), "0");
  EXPECT_EQ(HumanNumber(61.23), "61.2");
  EXPECT_EQ(HumanNumber(0.03141), "0.0314");
  EXPECT_EQ(HumanNumber(1234.6), "1235");
  EXPECT_EQ(HumanNumber(120), "120");
}

TEST(HumanFormatTest, DurationsUseTheTwoLargestUnits) {
  EXPECT_EQ(HumanDuration(absl::Milliseconds(440)), "0.4 s");
  EXPECT_EQ(HumanDuration(absl::Seconds(12)), "12 s");
  EXPECT_EQ(HumanDuration(absl::Seconds(59.7)), "1 min 0 s");
  EXPECT_EQ(HumanDuration(absl::Minutes(130)), "2 h 10 min");
  EXPECT_EQ(HumanDuration(absl::Hours(99)), "4 d 3 h");
  EXPECT_EQ(HumanDuration(absl::InfiniteDuration()), "?");
}

}  // namespace
}  // namespace maspo
