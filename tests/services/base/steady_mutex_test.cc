#include "services/base/steady_mutex.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace maspo {
namespace {

TEST(SteadyClockTest, GoesForwardAndInfinityStaysFar) {
  const absl::Time before = SteadyNow();
  EXPECT_LE(before, SteadyNow());
  const auto now = std::chrono::steady_clock::now();
  EXPECT_GT(ToSteadyChrono(absl::InfiniteFuture()), now + std::chrono::hours(24 * 300));
  const auto past = ToSteadyChrono(absl::InfinitePast());
  EXPECT_GE(past, now);
  EXPECT_LE(past, std::chrono::steady_clock::now());
}

TEST(SteadyClockTest, DeadlinesForOthersAreAsFarAway) {
  const auto wanted = std::chrono::system_clock::now() + std::chrono::seconds(5);
  const auto got = ToSystemChrono(SteadyNow() + absl::Seconds(5));
  EXPECT_LT(got - wanted, std::chrono::seconds(1));
  EXPECT_GT(got - wanted, -std::chrono::seconds(1));
}

TEST(SteadyMutexTest, WaitsUntilTheDeadlineAndNotLonger) {
  SteadyMutex mutex;
  SteadyLock lock(&mutex);
  const absl::Time start = SteadyNow();
  EXPECT_FALSE(mutex.AwaitFor([] { return false; }, absl::Milliseconds(20)));
  EXPECT_GE(SteadyNow() - start, absl::Milliseconds(20));
  EXPECT_TRUE(mutex.AwaitUntil([] { return true; }, absl::InfinitePast()));
  EXPECT_FALSE(mutex.AwaitUntil([] { return false; }, absl::InfinitePast()));
}

// Nobody calls notify: releasing the mutex is enough, also when the one who changed something waits next.
TEST(SteadyMutexTest, EveryReleaseLetsConditionsBeLookedAtAgain) {
  SteadyMutex mutex;
  int turn = 0;
  std::vector<std::thread> threads;
  constexpr int kThreads = 4, kRounds = 50;
  for (int me = 0; me < kThreads; ++me) {
    threads.emplace_back([&, me] {
      SteadyLock lock(&mutex);
      for (int round = 0; round < kRounds; ++round) {
        mutex.Await([&] { return turn % kThreads == me; });
        ++turn;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(turn, kThreads * kRounds);
}

}  // namespace
}  // namespace maspo
