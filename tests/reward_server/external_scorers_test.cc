#include <gtest/gtest.h>
#include <signal.h>

#include <memory>
#include <string>
#include <vector>

#include "services/base/atomic_file.h"
#include "services/base/steady_clock.h"
#include "services/reward/reward_client.h"
#include "tests/reward_server/server_process.h"
#include "tests/support/fake_http_scorer.h"

// The program itself, with scorers of others behind it.
namespace maspo {
namespace {

class ExternalScorersTest : public testing::Test {
 protected:
  std::string Start(const std::string& external, const std::string& more = "") {
    const std::string config =
        WriteServerConfig(dir_, "{external_scorers: [" + external +
                                    "], external_timeout_seconds: 0.5, external_attempts: 2" + more + "}");
    servers_.push_back(std::make_unique<ServerProcess>(std::vector<std::string>{"--config", config}, log_));
    const auto ready = servers_.back()->AwaitReady();
    return ready.ok() ? ready->endpoint : "";
  }

  // Items "0" of source mine and "1" of none; each has the gold answer 7 and this response.
  static std::vector<v1::VerifiedAnswer> Score(const std::string& endpoint, const std::string& response) {
    std::vector<v1::VerifyItem> items(2);
    for (int i = 0; i < 2; ++i) {
      items[i].set_id(std::to_string(i));
      items[i].set_source(i == 0 ? "mine" : "");
      items[i].set_gold_answer("7");
      items[i].set_response(response);
    }
    const auto client = RewardClient::Create({.endpoints = {endpoint}, .network = {}});
    MASPO_CHECK(client.ok());
    auto answers = (*client)->Score(items, SteadyNow() + absl::Seconds(30));
    MASPO_CHECK(answers.ok());
    return *std::move(answers);
  }

  TempDir dir_;
  const std::string log_ = dir_.File("log");
  std::vector<std::unique_ptr<ServerProcess>> servers_;
};

TEST_F(ExternalScorersTest, AnHttpScorerJudgesItsSourceAloneAndTermsAreAdded) {
  FakeHttpScorer scorer;
  const std::string endpoint = Start("\"mine=" + scorer.origin() + "/score\"", ", terms: [format=0.5]");
  ASSERT_FALSE(endpoint.empty()) << *ReadFile(log_);
  scorer.Answer(R"({"answers": [{"reward": 0.25}]})");
  const auto answers = Score(endpoint, "\\boxed{7}");
  EXPECT_EQ(answers[0].reward(), 0.75);
  EXPECT_EQ(answers[0].decided_by(), "external");
  EXPECT_EQ(answers[1].reward(), 1.5);
  EXPECT_EQ(answers[1].decided_by(), "integer");
}

TEST_F(ExternalScorersTest, AFailingHttpScorerIsCrashedOrTimeoutAndTheRestIsJudged) {
  FakeHttpScorer scorer;
  const std::string endpoint = Start("\"mine=" + scorer.origin() + "/score\"");
  ASSERT_FALSE(endpoint.empty()) << *ReadFile(log_);
  scorer.Answer("", 500);
  auto answers = Score(endpoint, "\\boxed{7}");
  EXPECT_EQ(answers[0].verdict(), v1::VERDICT_CRASHED);
  EXPECT_EQ(answers[1].verdict(), v1::VERDICT_CORRECT);
  scorer.Use([](const auto&, auto&) { absl::SleepFor(absl::Seconds(1)); });
  answers = Score(endpoint, "\\boxed{7}");
  EXPECT_EQ(answers[0].verdict(), v1::VERDICT_TIMEOUT);
  EXPECT_EQ(answers[1].verdict(), v1::VERDICT_CORRECT);
}

TEST_F(ExternalScorersTest, AGrpcScorerIsAnythingThatServesRewardService) {
  const std::string inner = Start("");
  const std::string outer = Start("\"mine=grpc://" + inner + "\"");
  ASSERT_FALSE(outer.empty()) << *ReadFile(log_);
  EXPECT_EQ(Score(outer, "\\boxed{7}")[0].verdict(), v1::VERDICT_CORRECT);
  EXPECT_EQ(Score(outer, "\\boxed{8}")[0].verdict(), v1::VERDICT_WRONG);
  servers_[0]->Stop(SIGKILL);
  const auto answers = Score(outer, "\\boxed{7}");
  EXPECT_EQ(answers[0].verdict(), v1::VERDICT_CRASHED);
  EXPECT_EQ(answers[1].verdict(), v1::VERDICT_CORRECT);
}

TEST_F(ExternalScorersTest, AnUnusableEntryEndsTheServerWithOneSentence) {
  for (const auto& [entry, why] : {
           std::pair{"http://127.0.0.1:1/", "must be SOURCE=http://HOST:PORT/PATH"},
           std::pair{"mine=ftp://127.0.0.1:1/", "must be SOURCE=http://HOST:PORT/PATH"},
           std::pair{"mine=grpc://127.0.0.1:1/x", "must be SOURCE=http://HOST:PORT/PATH"},
           std::pair{"mine=http://127.0.0.1/", "reward.external_scorers"},
           std::pair{"mine=http://scorer.example:80/", "is not a loopback address"},
           std::pair{"mine=http://127.0.0.1:1/\", \"mine=http://127.0.0.1:2/", "names the source mine twice"},
       }) {
    EXPECT_EQ(Start("\"" + std::string(entry) + "\""), "");
    EXPECT_EQ(servers_.back()->Stop(0), 2) << entry;
    EXPECT_NE(ReadFile(log_)->find(why), std::string::npos) << entry << ": " << *ReadFile(log_);
  }
}

}  // namespace
}  // namespace maspo
