// A long sequence of batches over VerifyStream, through real sockets.
#include "cli/verify/reward_streams.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "services/base/steady_clock.h"
#include "tests/services/fake_reward_server.h"
#include "tests/support/captured_log.h"

namespace maspo {
namespace {

using ::testing::HasSubstr;

// What came out, and whether each item was answered once, in order.
struct Outcome {
  absl::Status status;
  std::vector<std::string> ids;

  bool HasAll(int count) const {
    if (static_cast<int>(ids.size()) != count) return false;
    for (int i = 0; i < count; ++i) {
      if (ids[i] != absl::StrCat("i", i)) return false;
    }
    return true;
  }
};

class RewardStreamsTest : public testing::Test {
 protected:
  Outcome Run(const std::vector<std::string>& endpoints, int num_items, int batch_items = 3) {
    v1::NetworkSection network;
    network.set_call_timeout_seconds(call_timeout_);
    const auto streams = RewardStreams::Create({.endpoints = endpoints, .key = "--reward-servers", .network = network});
    if (!streams.ok()) return {streams.status(), {}};
    const std::vector<v1::VerifyItem> items = Items(num_items);
    int next = 0;
    Outcome outcome;
    outcome.status = (*streams)->Run(
        [&](v1::VerifyBatchRequest& request) -> absl::StatusOr<bool> {
          max_ahead_ = std::max(max_ahead_, next - static_cast<int>(outcome.ids.size()));
          for (int i = 0; i < batch_items && next < num_items; ++i) *request.add_items() = items[next++];
          return request.items_size() > 0;
        },
        [&](const v1::VerifyBatchResponse& response) {
          for (const v1::VerifiedAnswer& answer : response.answers()) outcome.ids.push_back(answer.id());
          if (after_batch_) after_batch_(outcome.ids.size());
          return absl::OkStatus();
        });
    return outcome;
  }

  CapturedLog log_;
  double call_timeout_ = 1;
  int max_ahead_ = 0;  // Items read and not yet written.
  std::function<void(size_t done)> after_batch_;
};

TEST_F(RewardStreamsTest, AnswersComeInOrderFromAllServers) {
  FakeRewardServer a, b;
  const Outcome outcome = Run({a.Start(), b.Start()}, 1000);
  EXPECT_TRUE(outcome.status.ok()) << outcome.status;
  EXPECT_TRUE(outcome.HasAll(1000));
  EXPECT_GT(a.scorer.batch_sizes().size(), 0u);
  EXPECT_GT(b.scorer.batch_sizes().size(), 0u);
  EXPECT_LE(max_ahead_, 2 * 2 * 2 * 3);  // Servers, streams, batches a stream, items.
}

TEST_F(RewardStreamsTest, NoBatchesAreNoWork) {
  FakeRewardServer server;
  EXPECT_TRUE(Run({server.Start()}, 0).status.ok());
}

TEST_F(RewardStreamsTest, AServerThatIsKilledAndStartedAgainLosesAndRepeatsNothing) {
  FakeRewardServer steady;
  auto mortal = std::make_unique<FakeRewardServer>();
  const std::string endpoint = mortal->Start();
  after_batch_ = [&](size_t done) {
    if (done == 99) mortal.reset();
    if (done == 201) mortal = std::make_unique<FakeRewardServer>(), mortal->Start(endpoint);
    absl::SleepFor(absl::Milliseconds(2));
  };
  const Outcome outcome = Run({endpoint, steady.Start()}, 3000);
  EXPECT_TRUE(outcome.status.ok()) << outcome.status;
  EXPECT_TRUE(outcome.HasAll(3000)) << outcome.ids.size();
  EXPECT_GT(mortal->scorer.batch_sizes().size(), 0u);  // It came back to work.
}

TEST_F(RewardStreamsTest, BusyAndStuckServersLeaveTheirBatchesToOthers) {
  FakeRewardServer busy, stuck, good;
  busy.scorer.Answer(absl::ResourceExhaustedError("busy"));
  stuck.scorer.Use([](const auto&, absl::Time deadline) {
    absl::SleepFor(deadline - SteadyNow());
    return absl::DeadlineExceededError("too slow");
  });
  const Outcome outcome = Run({busy.Start(), stuck.Start(), good.Start()}, 300);
  EXPECT_TRUE(outcome.status.ok()) << outcome.status;
  EXPECT_TRUE(outcome.HasAll(300)) << outcome.ids.size();
}

TEST_F(RewardStreamsTest, StreamsAreRenewedBeforeTheirDeadline) {
  FakeRewardServer server;
  server.scorer.Use([](const auto& items, absl::Time) {
    absl::SleepFor(absl::Milliseconds(100));
    return FakeAnswerScorer::CompareTexts(items);
  });
  const Outcome outcome = Run({server.Start()}, 90);  // 30 batches on two streams: longer than a call may be.
  EXPECT_TRUE(outcome.status.ok()) << outcome.status;
  EXPECT_TRUE(outcome.HasAll(90));
  EXPECT_EQ(server.scorer.batch_sizes().size(), 30u);  // None was judged twice.
}

TEST_F(RewardStreamsTest, WhatEveryServerWouldRefuseEndsTheWork) {
  FakeRewardServer server;  // Takes at most 4 items.
  const Outcome outcome = Run({server.Start()}, 100, 5);
  EXPECT_TRUE(absl::IsInvalidArgument(outcome.status)) << outcome.status;
  EXPECT_THAT(std::string(outcome.status.message()), HasSubstr("a batch of 5 items exceeds the limit of 4"));
}

TEST_F(RewardStreamsTest, WithoutAnyServerItGivesUpAndSaysWhy) {
  call_timeout_ = 0.2;
  const Outcome outcome = Run({FreeEndpoint()}, 10);
  EXPECT_TRUE(absl::IsDeadlineExceeded(outcome.status)) << outcome.status;
  EXPECT_THAT(std::string(outcome.status.message()), HasSubstr("does not answer"));
}

TEST_F(RewardStreamsTest, AnswersThatDoNotFitAreNotBelieved) {
  FakeRewardServer server;
  server.scorer.Use([](const auto& items, absl::Time) {
    auto answers = FakeAnswerScorer::CompareTexts(items);
    answers.pop_back();
    return answers;
  });
  const Outcome outcome = Run({server.Start()}, 9);
  EXPECT_THAT(std::string(outcome.status.message()), HasSubstr("answered 2 of 3 items"));
  EXPECT_TRUE(outcome.ids.empty());
}

}  // namespace
}  // namespace maspo
