#include "reward_server/scoring/scoring_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>

#include "absl/synchronization/notification.h"
#include "services/base/metrics.h"
#include "services/base/steady_clock.h"

namespace maspo {
namespace {

std::vector<v1::VerifyItem> Items(int count) {
  std::vector<v1::VerifyItem> items(count);
  for (int i = 0; i < count; ++i) items[i].set_id(std::to_string(i));
  return items;
}

v1::VerifiedAnswer Correct(const v1::VerifyItem& item) {
  v1::VerifiedAnswer answer;
  answer.set_id(item.id());
  answer.set_verdict(v1::VERDICT_CORRECT);
  return answer;
}

// Verifies nothing until it is opened, and tells when somebody waits at it.
class Gate {
 public:
  v1::VerifiedAnswer operator()(const v1::VerifyItem& item) {
    if (!reached_.HasBeenNotified() && item.id() == "0") reached_.Notify();
    open_.WaitForNotification();
    ++verified_;
    return Correct(item);
  }
  void Open() { open_.Notify(); }
  void AwaitReached() { reached_.WaitForNotification(); }
  int verified() const { return verified_; }

 private:
  absl::Notification reached_, open_;
  std::atomic<int> verified_{0};
};

class ScoringPoolTest : public testing::Test {
 protected:
  Metrics metrics_{"reward-server", "test"};
};

TEST_F(ScoringPoolTest, AnswersInTheOrderOfTheItems) {
  ScoringPool pool(Correct, {.threads = 3}, metrics_);
  const auto answers = pool.Score(Items(1000), absl::InfiniteFuture());
  ASSERT_TRUE(answers.ok());
  ASSERT_EQ(answers->size(), 1000u);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ((*answers)[i].id(), std::to_string(i));
}

TEST_F(ScoringPoolTest, ManyCallersGetTheirOwnAnswers) {
  ScoringPool pool(Correct, {.threads = 2}, metrics_);
  std::vector<std::thread> callers;
  std::atomic<int> good{0};
  for (size_t c = 0; c < 8; ++c) {
    callers.emplace_back([&, c] {
      for (int round = 0; round < 20; ++round) {
        const auto answers = pool.Score(Items(c + 1), absl::InfiniteFuture());
        good += answers.ok() && answers->size() == c + 1 && answers->back().id() == std::to_string(c);
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(good, 160);
}

TEST_F(ScoringPoolTest, EmptyBatchHasNoAnswers) {
  ScoringPool pool(Correct, {}, metrics_);
  EXPECT_TRUE(pool.Score({}, absl::InfinitePast())->empty());
}

TEST_F(ScoringPoolTest, DropsTheRestOfABatchAtItsDeadline) {
  Gate gate;
  ScoringPool pool([&](const auto& item) { return gate(item); }, {.threads = 1}, metrics_);
  std::thread opener([&] {
    gate.AwaitReached();
    absl::SleepFor(absl::Milliseconds(100));  // Past the deadline, while the first item is being verified.
    gate.Open();
  });
  EXPECT_TRUE(absl::IsDeadlineExceeded(pool.Score(Items(100), SteadyNow() + absl::Milliseconds(50)).status()));
  opener.join();
  EXPECT_TRUE(pool.Score(Items(1), absl::InfiniteFuture()).ok());
  EXPECT_EQ(gate.verified(), 2);
}

TEST_F(ScoringPoolTest, RefusesABatchWhenTooManyItemsWait) {
  Gate gate;
  ScoringPool pool([&](const auto& item) { return gate(item); }, {.threads = 1, .max_waiting_items = 10}, metrics_);
  std::thread first([&] { EXPECT_TRUE(pool.Score(Items(20), absl::InfiniteFuture()).ok()); });  // Alone: taken.
  gate.AwaitReached();
  EXPECT_TRUE(absl::IsResourceExhausted(pool.Score(Items(1), absl::InfiniteFuture()).status()));
  gate.Open();
  first.join();
  EXPECT_TRUE(pool.Score(Items(1), absl::InfiniteFuture()).ok());
}

TEST_F(ScoringPoolTest, CloseCancelsWaitingAndLaterCalls) {
  Gate gate;
  ScoringPool pool([&](const auto& item) { return gate(item); }, {.threads = 1}, metrics_);
  std::thread running([&] { EXPECT_TRUE(absl::IsUnavailable(pool.Score(Items(5), absl::InfiniteFuture()).status())); });
  gate.AwaitReached();
  pool.Close();
  gate.Open();
  running.join();
  EXPECT_TRUE(absl::IsUnavailable(pool.Score(Items(1), absl::InfiniteFuture()).status()));
  EXPECT_LE(gate.verified(), 2);
}

TEST_F(ScoringPoolTest, CountsVerdictsAndCacheLookups) {
  const auto verify = [](const v1::VerifyItem& item) {
    v1::VerifiedAnswer answer = Correct(item);
    if (item.id() != "0") answer.set_cache(item.id() == "1" ? v1::CACHE_LOOKUP_MISS : v1::CACHE_LOOKUP_HIT);
    return answer;
  };
  ScoringPool pool(verify, {}, metrics_);
  ASSERT_TRUE(pool.Score(Items(7), absl::InfiniteFuture()).ok());
  const auto& correct =
      metrics_.AddCounter("maspo_reward_verdicts_total", "Answers verified, by verdict", {{"verdict", "correct"}});
  EXPECT_EQ(correct.Value(), 7);
  const auto lookups = [&](const std::string& result) {
    return metrics_
        .AddCounter("maspo_reward_cache_lookups_total",
                    "Answers looked up among the pairs that were compared before, by result", {{"result", result}})
        .Value();
  };
  EXPECT_EQ(lookups("miss"), 1);
  EXPECT_EQ(lookups("hit"), 5);
}

}  // namespace
}  // namespace maspo
