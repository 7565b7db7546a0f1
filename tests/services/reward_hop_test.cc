// The hop to the reward servers, through real sockets.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "absl/time/clock.h"
#include "services/reward/endpoint_rotation.h"
#include "services/reward/reward_client.h"
#include "services/reward/reward_service.h"
#include "tests/services/loopback.h"
#include "tests/support/captured_log.h"
#include "tests/support/fake_answer_scorer.h"

namespace maspo {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

absl::Time In(double seconds) { return absl::Now() + absl::Seconds(seconds); }

std::vector<v1::VerifyItem> Items(int count) {
  std::vector<v1::VerifyItem> items(count);
  for (int i = 0; i < count; ++i) {
    items[i].set_id(absl::StrCat("i", i));
    items[i].set_gold_answer("1");
    items[i].set_response(absl::StrCat(i));
  }
  return items;
}

// A reward server with a fake verifier.
struct FakeRewardServer {
  FakeAnswerScorer scorer;
  Metrics metrics{"reward-server", "0"};
  RewardService service{&scorer, {.max_batch_items = 4}, metrics};
  std::unique_ptr<ServerRunner> server;

  std::string Start(const std::string& address = "127.0.0.1:0") {
    server = StartServer(address, {&service});
    return server->address().ToString();
  }
};

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
    absl::SleepFor(deadline - absl::Now());
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
      absl::SleepFor(absl::Milliseconds(500));
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
    absl::SleepFor(absl::Milliseconds(200));
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
  context.set_deadline(absl::ToChronoTime(In(10)));
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

TEST(EndpointRotationTest, TurnsGoRoundAndPassOverPausedEndpoints) {
  const absl::Time now = absl::FromUnixSeconds(1000);
  EndpointRotation rotation(3);
  EXPECT_EQ(rotation.Next(now), 0u);
  EXPECT_EQ(rotation.Next(now), 1u);
  rotation.Pause(2, now + absl::Seconds(1));
  EXPECT_EQ(rotation.Next(now), 0u);
  EXPECT_EQ(rotation.Next(now), 1u);
  EXPECT_EQ(rotation.Next(now + absl::Seconds(1)), 2u);
}

TEST(EndpointRotationTest, NamesTheSoonestWhenAllArePaused) {
  const absl::Time now = absl::FromUnixSeconds(1000);
  EndpointRotation rotation(3);
  rotation.Pause(0, now + absl::Seconds(3));
  rotation.Pause(1, now + absl::Seconds(1));
  rotation.Pause(2, now + absl::Seconds(2));
  EXPECT_EQ(rotation.Next(now), 1u);
  rotation.Resume(2);
  EXPECT_EQ(rotation.Next(now), 2u);
}

}  // namespace
}  // namespace maspo
