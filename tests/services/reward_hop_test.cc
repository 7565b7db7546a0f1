// The hop to the reward servers, through real sockets.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "services/base/steady_clock.h"
#include "services/reward/endpoint_rotation.h"
#include "services/reward/reward_client.h"
#include "tests/services/fake_reward_server.h"
#include "tests/services/loopback.h"
#include "tests/support/captured_log.h"

namespace maspo {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::unique_ptr<RewardClient> ClientOf(const std::vector<std::string>& endpoints) {
  v1::NetworkSection network;
  network.set_call_timeout_seconds(1);
  auto client = RewardClient::Create({.endpoints = endpoints, .network = network, .max_batch_items = 4});
  MASPO_CHECK(client.ok());
  return *std::move(client);
}

TEST(RewardHopTest, AnswersComeInTheOrderOfTheItemsWhateverTheBatches) {
  FakeRewardServer server;
  const auto client = ClientOf({server.Start()});
  const auto answers = client->Score(Items(10), In(10));
  ASSERT_TRUE(answers.ok()) << answers.status();
  ASSERT_EQ(answers->size(), 10u);
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ((*answers)[i].id(), absl::StrCat("i", i));
    EXPECT_EQ((*answers)[i].verdict(), i == 1 ? v1::VERDICT_CORRECT : v1::VERDICT_WRONG);
  }
  EXPECT_THAT(server.scorer.batch_sizes(), ElementsAre(4, 4, 2));
  EXPECT_TRUE(client->Score({}, In(10))->empty());
}

TEST(RewardHopTest, ServersTakeTurns) {
  FakeRewardServer a, b;
  const auto client = ClientOf({a.Start(), b.Start()});
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(client->Score(Items(1), In(10)).ok());
  EXPECT_EQ(a.scorer.batch_sizes().size(), 5u);
  EXPECT_EQ(b.scorer.batch_sizes().size(), 5u);
}

TEST(RewardHopTest, ServerThatIsDownIsPassedOver) {
  CapturedLog log;
  FakeRewardServer up;
  const auto client = ClientOf({FreeEndpoint(), up.Start()});
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(client->Score(Items(1), In(10)).ok());
  EXPECT_EQ(up.scorer.batch_sizes().size(), 10u);
  EXPECT_EQ(log.Count("does not answer"), 1) << log.text();
}

TEST(RewardHopTest, BusyAndSlowServersAreLeftForAnother) {
  FakeRewardServer busy, slow, good;
  busy.scorer.Answer(absl::ResourceExhaustedError("busy"));
  slow.scorer.Use([](const auto&, absl::Time deadline) {
    absl::SleepFor(deadline - SteadyNow());
    return absl::DeadlineExceededError("too slow");
  });
  const auto client = ClientOf({busy.Start(), slow.Start(), good.Start()});
  EXPECT_TRUE(client->Score(Items(1), In(20)).ok());
  EXPECT_EQ(good.scorer.batch_sizes().size(), 1u);
}

TEST(RewardHopTest, ServerMayStartLateAndRestart) {
  CapturedLog log;
  const std::string endpoint = FreeEndpoint();
  const auto client = ClientOf({endpoint});
  for (int life = 0; life < 2; ++life) {
    FakeRewardServer server;
    std::thread late([&] {
      while (log.Count("does not answer") <= life) absl::SleepFor(absl::Milliseconds(5));
      server.Start(endpoint);
    });
    EXPECT_TRUE(client->Score(Items(1), In(30)).ok());
    late.join();
  }
  EXPECT_EQ(log.Count("the reward server at " + endpoint + " does not answer"), 2) << log.text();
}

TEST(RewardHopTest, ErrorsKeepTheirMeaning) {
  CapturedLog log;
  FakeRewardServer server;
  const auto client = ClientOf({server.Start()});
  server.scorer.Answer(absl::InvalidArgumentError("bad request"));
  EXPECT_EQ(client->Score(Items(1), In(10)).status(), absl::InvalidArgumentError("bad request"));
  server.scorer.Answer(absl::ResourceExhaustedError("busy"));
  EXPECT_EQ(client->Score(Items(1), In(0.5)).status(), absl::ResourceExhaustedError("busy"));
  EXPECT_EQ(ClientOf({FreeEndpoint()})->Score(Items(1), In(0.5)).status().code(), absl::StatusCode::kUnavailable);
}

TEST(RewardHopTest, AnswerThatDoesNotFitIsNotBelieved) {
  FakeRewardServer server;
  const auto client = ClientOf({server.Start()});
  server.scorer.Use([](const auto& items, absl::Time) {
    auto answers = FakeAnswerScorer::CompareTexts(items);
    answers.pop_back();
    return answers;
  });
  EXPECT_THAT(std::string(client->Score(Items(3), In(10)).status().message()), HasSubstr("answered 2 of 3 items"));
  server.scorer.Use([](const auto& items, absl::Time) {
    auto answers = FakeAnswerScorer::CompareTexts(items);
    std::swap(answers[0], answers[1]);
    return answers;
  });
  EXPECT_THAT(std::string(client->Score(Items(3), In(10)).status().message()), HasSubstr("\"i1\" in place of \"i0\""));
}

TEST(RewardHopTest, CloseEndsCallsAndWaits) {
  CapturedLog log;
  const auto client = ClientOf({FreeEndpoint()});
  std::thread closer([&] {
    while (log.Count("does not answer") == 0) absl::SleepFor(absl::Milliseconds(5));
    client->Close();
  });
  EXPECT_EQ(client->Score(Items(1), In(30)).status().code(), absl::StatusCode::kCancelled);
  closer.join();
}

TEST(RewardServiceTest, RefusesBatchesAboveTheLimit) {
  FakeRewardServer server;
  const auto channel = Connect(server.Start());
  const auto stub = v1::RewardService::NewStub(channel->channel());
  v1::VerifyBatchRequest request;
  for (const v1::VerifyItem& item : Items(5)) *request.add_items() = item;
  v1::VerifyBatchResponse response;
  const absl::Status status = Unary(*channel, In(10), *stub, &v1::RewardService::Stub::VerifyBatch, request, response);
  EXPECT_EQ(status, absl::InvalidArgumentError("a batch of 5 items exceeds the limit of 4; send smaller batches"));
  EXPECT_TRUE(server.scorer.batch_sizes().empty());
}

TEST(RewardServiceTest, StreamAnswersInRequestOrder) {
  FakeRewardServer server;
  const auto channel = Connect(server.Start());
  const auto stub = v1::RewardService::NewStub(channel->channel());
  grpc::ClientContext context;
  context.set_deadline(ToSystemChrono(In(10)));
  const auto stream = stub->VerifyStream(&context);
  for (int size : {1, 3, 2}) {
    v1::VerifyBatchRequest request;
    for (const v1::VerifyItem& item : Items(size)) *request.add_items() = item;
    ASSERT_TRUE(stream->Write(request));
  }
  stream->WritesDone();
  std::vector<int> sizes;
  v1::VerifyBatchResponse response;
  while (stream->Read(&response)) sizes.push_back(response.answers_size());
  EXPECT_TRUE(stream->Finish().ok());
  EXPECT_THAT(sizes, ElementsAre(1, 3, 2));
}

TEST(RewardServiceTest, ScorerHearsTheCallersDeadline) {
  FakeRewardServer server;
  absl::Time heard;
  server.scorer.Use([&](const auto& items, absl::Time deadline) {
    heard = deadline;
    return FakeAnswerScorer::CompareTexts(items);
  });
  const auto channel = Connect(server.Start());
  const auto stub = v1::RewardService::NewStub(channel->channel());
  v1::VerifyBatchResponse response;
  const absl::Time deadline = In(5);
  ASSERT_TRUE(Unary(*channel, deadline, *stub, &v1::RewardService::Stub::VerifyBatch, {}, response).ok());
  EXPECT_LT(heard, deadline);
  EXPECT_GT(heard, deadline - absl::Seconds(1));
}

using Outcome = EndpointRotation::Outcome;

class EndpointRotationTest : public testing::Test {
 protected:
  // A call that ends at once.
  size_t Call(absl::Time now, Outcome outcome = Outcome::kAnswered) {
    const size_t endpoint = rotation_.Begin(now);
    rotation_.End(endpoint, outcome, now);
    return endpoint;
  }

  const absl::Time now_ = absl::FromUnixSeconds(1000);
  EndpointRotation rotation_{3};
};

TEST_F(EndpointRotationTest, TurnsGoRoundAndPassOverAServerThatFailed) {
  EXPECT_EQ(Call(now_), 0u);
  EXPECT_EQ(Call(now_), 1u);
  EXPECT_EQ(Call(now_, Outcome::kFailed), 2u);
  EXPECT_EQ(Call(now_), 0u);
  EXPECT_EQ(Call(now_), 1u);
  EXPECT_EQ(Call(now_), 0u);
  EXPECT_EQ(Call(now_ + absl::Seconds(1)), 1u);
  EXPECT_EQ(Call(now_ + absl::Seconds(1)), 2u);
}

TEST_F(EndpointRotationTest, AServerThatHoldsCallsGetsNoMoreThanTheOthers) {
  const size_t stuck = rotation_.Begin(now_);
  for (int i = 0; i < 100; ++i) EXPECT_NE(Call(now_), stuck);
}

TEST_F(EndpointRotationTest, PausesDoubleWithFailuresInARow) {
  for (int i = 0; i < 2; ++i)
    rotation_.Begin(now_);  // The others are at work, so the third is asked whenever it may be.
  absl::Time now = now_;
  for (const int seconds : {1, 2, 4, 8, 16, 30, 30}) {
    EXPECT_EQ(Call(now, Outcome::kFailed), 2u);
    const absl::Time pause_ends = now + absl::Seconds(seconds);
    EXPECT_NE(rotation_.Begin(pause_ends - absl::Milliseconds(1)), 2u);
    now = pause_ends;
  }
  EXPECT_EQ(Call(now), 2u);  // Answered: all is forgotten.
  EXPECT_EQ(Call(now, Outcome::kFailed), 2u);
  EXPECT_EQ(Call(now + absl::Seconds(1)), 2u);
}

TEST_F(EndpointRotationTest, AfterAPauseASingleCallTriesTheServer) {
  for (int i = 0; i < 3; ++i) Call(now_, i == 2 ? Outcome::kFailed : Outcome::kAnswered);
  const absl::Time later = now_ + absl::Seconds(1);
  int tries = 0;
  for (int i = 0; i < 30; ++i) tries += rotation_.Begin(later) == 2;
  EXPECT_EQ(tries, 1);
}

TEST_F(EndpointRotationTest, NamesTheSoonestWhenAllArePaused) {
  Call(now_ + absl::Seconds(2), Outcome::kBusy);
  Call(now_, Outcome::kBusy);
  Call(now_ + absl::Seconds(1), Outcome::kBusy);
  EXPECT_EQ(Call(now_), 1u);
}

}  // namespace
}  // namespace maspo
