#include "services/base/retry.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "services/base/steady_clock.h"

namespace maspo {
namespace {

TEST(RetryPolicyTest, BackoffDoublesUpToTheMaximumAndNeverBelowItsJitter) {
  const RetryPolicy policy{
      .first_backoff = absl::Seconds(1), .max_backoff = absl::Seconds(10), .jitter = 0.25, .seed = 3};
  const double full_seconds[] = {1, 2, 4, 8, 10, 10};
  for (int attempt = 1; attempt <= 6; ++attempt) {
    const absl::Duration backoff = policy.Backoff(attempt);
    EXPECT_LE(backoff, absl::Seconds(full_seconds[attempt - 1]));
    EXPECT_GT(backoff, absl::Seconds(0.75 * full_seconds[attempt - 1]) - absl::Nanoseconds(1));
  }
  EXPECT_LE(policy.Backoff(1'000'000), absl::Seconds(10));
}

TEST(RetryPolicyTest, SeedsSpreadClientsAndRepeatThemselves) {
  RetryPolicy a, b;
  a.seed = 1;
  b.seed = 2;
  EXPECT_NE(a.Backoff(3), b.Backoff(3));
  EXPECT_EQ(a.Backoff(3), RetryPolicy(a).Backoff(3));
  a.jitter = 0;
  EXPECT_EQ(a.Backoff(1), absl::Milliseconds(100));
  EXPECT_EQ(a.Backoff(2), absl::Milliseconds(200));
}

class CallWithRetryTest : public ::testing::Test {
 protected:
  // Calls an attempt that fails with these statuses, in order, and then succeeds.
  absl::Status Call(std::vector<absl::Status> failures, absl::Time deadline = absl::InfiniteFuture()) {
    attempts_ = 0;
    return CallWithRetry(policy_, deadline, stop_, [&] {
      const size_t n = attempts_++;
      return n < failures.size() ? failures[n] : absl::OkStatus();
    });
  }
  RetryPolicy policy_{.first_backoff = absl::Milliseconds(1)};
  StopSignal stop_;
  std::atomic<size_t> attempts_ = 0;
};

TEST_F(CallWithRetryTest, RetriesUnavailableUntilItSucceeds) {
  EXPECT_TRUE(Call({absl::UnavailableError("1"), absl::UnavailableError("2")}).ok());
  EXPECT_EQ(attempts_, 3u);
}

TEST_F(CallWithRetryTest, OtherErrorsReturnAtOnce) {
  EXPECT_EQ(Call({absl::InvalidArgumentError("bad")}), absl::InvalidArgumentError("bad"));
  EXPECT_EQ(attempts_, 1u);
}

TEST_F(CallWithRetryTest, AttemptsAreCounted) {
  policy_.max_attempts = 2;
  EXPECT_EQ(Call({absl::UnavailableError("1"), absl::UnavailableError("2")}), absl::UnavailableError("2"));
  EXPECT_EQ(attempts_, 2u);
}

TEST_F(CallWithRetryTest, DeadlineReturnsTheLastErrorWithoutWaitingForIt) {
  policy_.first_backoff = policy_.max_backoff = absl::Hours(1);
  const absl::Time start = SteadyNow();
  EXPECT_EQ(Call({absl::UnavailableError("away")}, start + absl::Minutes(1)), absl::UnavailableError("away"));
  EXPECT_LT(SteadyNow() - start, absl::Seconds(30));
}

// How a call ends whose last attempt is under way when time is up.
TEST_F(CallWithRetryTest, AnAttemptThatWasCutOffDoesNotHideTheErrorBefore) {
  const absl::Status full = absl::ResourceExhaustedError("full"), cut_off = absl::DeadlineExceededError("");
  policy_.max_attempts = 3;
  policy_.codes = {absl::StatusCode::kResourceExhausted, absl::StatusCode::kDeadlineExceeded};
  EXPECT_EQ(Call({cut_off, full, cut_off}), full);
  EXPECT_EQ(Call({cut_off, cut_off, cut_off}), cut_off);
  policy_.codes = {absl::StatusCode::kResourceExhausted};
  EXPECT_EQ(Call({full, cut_off}), full);
  EXPECT_EQ(Call({full, absl::InvalidArgumentError("bad")}), absl::InvalidArgumentError("bad"));
}

TEST_F(CallWithRetryTest, StopEndsTheWaitBetweenAttempts) {
  policy_.first_backoff = policy_.max_backoff = absl::Hours(1);
  std::thread stopper([this] {
    while (attempts_ == 0) std::this_thread::yield();
    stop_.RequestStop();
  });
  EXPECT_EQ(Call({absl::UnavailableError("away")}).code(), absl::StatusCode::kCancelled);
  stopper.join();
}

}  // namespace
}  // namespace maspo
