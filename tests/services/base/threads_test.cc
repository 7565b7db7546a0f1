#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <memory>
#include <stdexcept>
#include <thread>
#include <vector>

#include "absl/synchronization/notification.h"
#include "services/base/closable_queue.h"
#include "services/base/steady_clock.h"
#include "services/base/stop_signal.h"
#include "services/base/worker_thread.h"

namespace maspo {
namespace {

const absl::Time kNever = absl::InfiniteFuture();

TEST(ClosableQueueTest, HandsOutInOrderAndDrainsAfterClose) {
  ClosableQueue<int> queue(4);
  ASSERT_TRUE(queue.Push(1, kNever).ok());
  ASSERT_TRUE(queue.Push(2, kNever).ok());
  queue.Close();
  EXPECT_EQ(queue.Pop(kNever).value(), 1);
  EXPECT_EQ(queue.Pop(kNever).value(), 2);
  EXPECT_EQ(queue.Pop(kNever).status().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(queue.Push(3, kNever).code(), absl::StatusCode::kCancelled);
}

TEST(ClosableQueueTest, DeadlinesEndBothWaits) {
  ClosableQueue<int> queue(1);
  const absl::Time start = SteadyNow();
  EXPECT_EQ(queue.Pop(start + absl::Milliseconds(20)).status().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_GE(SteadyNow() - start, absl::Milliseconds(20));
  ASSERT_TRUE(queue.Push(1, kNever).ok());
  EXPECT_EQ(queue.Push(2, absl::InfinitePast()).code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(queue.size(), 1u);
}

TEST(ClosableQueueTest, RefusedItemStaysWithTheCaller) {
  ClosableQueue<std::unique_ptr<int>> queue(1);
  ASSERT_TRUE(queue.Push(std::make_unique<int>(1), kNever).ok());
  auto item = std::make_unique<int>(2);
  EXPECT_FALSE(queue.Push(std::move(item), absl::InfinitePast()).ok());
  ASSERT_NE(item, nullptr);
  EXPECT_EQ(*item, 2);  // NOLINT(bugprone-use-after-move): that it was not moved is the claim.
}

TEST(ClosableQueueTest, CloseWakesEveryWaiter) {
  ClosableQueue<int> empty(1);
  ClosableQueue<int> full(1);
  ASSERT_TRUE(full.Push(1, kNever).ok());
  std::vector<std::thread> waiters;
  for (int i = 0; i < 3; ++i) {
    waiters.emplace_back([&] { EXPECT_EQ(empty.Pop(kNever).status().code(), absl::StatusCode::kCancelled); });
    waiters.emplace_back([&] { EXPECT_EQ(full.Push(2, kNever).code(), absl::StatusCode::kCancelled); });
  }
  empty.Close();
  full.Close();
  for (std::thread& waiter : waiters) waiter.join();
}

TEST(ClosableQueueTest, EveryItemArrivesOnceAmongManyThreads) {
  constexpr int kItems = 2000;
  ClosableQueue<int> queue(3);
  std::vector<std::thread> producers, consumers;
  std::vector<std::vector<int>> received(4);
  for (int p = 0; p < 2; ++p) {
    producers.emplace_back([&queue, p] {
      for (int i = p; i < kItems; i += 2) ASSERT_TRUE(queue.Push(int{i}, kNever).ok());
    });
  }
  for (auto& mine : received) {
    consumers.emplace_back([&queue, &mine] {
      for (auto item = queue.Pop(kNever); item.ok(); item = queue.Pop(kNever)) mine.push_back(*item);
    });
  }
  for (std::thread& producer : producers) producer.join();
  queue.Close();
  for (std::thread& consumer : consumers) consumer.join();
  std::vector<int> count(kItems);
  for (const auto& mine : received) {
    for (int item : mine) ++count[item];
  }
  EXPECT_THAT(count, ::testing::Each(1));
}

TEST(StopSignalTest, WakesEveryWaiterAndMakesTheDescriptorReadable) {
  StopSignal stop;
  EXPECT_FALSE(stop.WaitFor(absl::Milliseconds(5)));
  std::vector<std::thread> waiters;
  for (int i = 0; i < 3; ++i) waiters.emplace_back([&] { EXPECT_TRUE(stop.WaitFor(absl::InfiniteDuration())); });
  stop.RequestStop();
  stop.RequestStop();  // Saying it twice is harmless.
  for (std::thread& waiter : waiters) waiter.join();
  pollfd descriptor = {.fd = stop.fd(), .events = POLLIN, .revents = 0};
  EXPECT_EQ(poll(&descriptor, 1, 0), 1);
  EXPECT_TRUE(stop.WaitUntil(absl::InfinitePast()));
}

TEST(StopSignalTest, WaitsUntilTheDeadline) {
  const StopSignal stop;
  const absl::Time deadline = SteadyNow() + absl::Milliseconds(30);
  EXPECT_FALSE(stop.WaitUntil(deadline));
  EXPECT_GE(SteadyNow(), deadline);
}

TEST(WorkerThreadTest, ExceptionsBecomeStatusesThatNameTheThread) {
  WorkerThread thread("updates", []() -> absl::Status { throw std::runtime_error("shape mismatch"); });
  const absl::Status status = thread.Join();
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_EQ(status.message(), "updates: shape mismatch");
}

TEST(WorkerThreadTest, ForeignExceptionsAreCaughtToo) {
  WorkerThread thread("updates", []() -> absl::Status { throw 3; });
  EXPECT_EQ(thread.Join().code(), absl::StatusCode::kInternal);
}

TEST(WorkerThreadTest, EndIsReportedBeforeAnybodyJoins) {
  absl::Notification ended;
  WorkerThread thread(
      "a name that is longer than the system allows", [] { return absl::UnavailableError("gone"); },
      [&](const absl::Status& status) {
        EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
        ended.Notify();
      });
  EXPECT_TRUE(ended.WaitForNotificationWithTimeout(absl::Seconds(30)));
}

TEST(WorkerThreadTest, GoodEndIsOk) {
  WorkerThread thread("quick", [] { return absl::OkStatus(); });
  EXPECT_TRUE(thread.Join().ok());
  EXPECT_TRUE(thread.Join().ok());
}

}  // namespace
}  // namespace maspo
