#include "learner/buffer/evaluation_collector.h"

#include <gtest/gtest.h>

#include <thread>

#include "services/base/steady_clock.h"

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

TEST(EvaluationCollectorTest, ARoundOfWhichNothingIsLeftIsAnError) {
  EvaluationCollector collector;
  collector.Expect({"a", "b"});
  collector.Drop("a");
  collector.Drop("b");
  const auto results = collector.Wait(absl::InfinitePast());
  EXPECT_TRUE(absl::IsAborted(results.status()));
  EXPECT_NE(results.status().message().find("none of the 2 held-out groups"), std::string::npos);
}

TEST(EvaluationCollectorTest, CloseWakesTheWaiter) {
  EvaluationCollector collector;
  collector.Expect({"a"});
  absl::Status status;
  std::thread waiter([&] { status = collector.Wait(SteadyNow() + absl::Seconds(60)).status(); });
  while (!collector.is_awaited()) std::this_thread::yield();
  collector.Close();
  waiter.join();
  EXPECT_TRUE(absl::IsUnavailable(status));
}

}  // namespace
}  // namespace maspo
