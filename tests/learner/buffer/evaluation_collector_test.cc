#include "learner/buffer/evaluation_collector.h"

#include <gtest/gtest.h>

#include <thread>

#include "absl/time/clock.h"

namespace maspo {
namespace {

v1::TrajectoryGroup Group(const std::string& id) {
  v1::TrajectoryGroup group;
  group.set_group_id(id);
  return group;
}

TEST(EvaluationCollectorTest, ARoundEndsWithoutTheGroupsThatWereGivenUp) {
  EvaluationCollector collector;
  collector.Expect({"b", "a", "c"});
  collector.Add(Group("c"));
  collector.Add(Group("stray"));
  collector.Drop("b");
  EXPECT_EQ(collector.missing(), 1);
  collector.Add(Group("a"));
  collector.Add(Group("a"));
  const auto results = collector.Wait(absl::InfinitePast());
  ASSERT_TRUE(results.ok());
  ASSERT_EQ(results->size(), 2);
  EXPECT_EQ((*results)[0].group_id(), "a");
  EXPECT_EQ((*results)[1].group_id(), "c");
}

TEST(EvaluationCollectorTest, ANewRoundForgetsTheOldOne) {
  EvaluationCollector collector;
  collector.Expect({"a", "b"});
  collector.Add(Group("a"));
  collector.Expect({"c"});
  collector.Add(Group("b"));
  collector.Add(Group("c"));
  const auto results = collector.Wait(absl::InfinitePast());
  ASSERT_TRUE(results.ok());
  EXPECT_EQ(results->size(), 1);
}

TEST(EvaluationCollectorTest, CloseWakesTheWaiter) {
  EvaluationCollector collector;
  collector.Expect({"a"});
  absl::Status status;
  std::thread waiter([&] { status = collector.Wait(absl::Now() + absl::Seconds(60)).status(); });
  absl::SleepFor(absl::Milliseconds(10));
  collector.Close();
  waiter.join();
  EXPECT_TRUE(absl::IsCancelled(status));
}

}  // namespace
}  // namespace maspo
