// A scorer behind HTTP, through real sockets.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/synchronization/notification.h"
#include "reward_server/external/http_scorer_client.h"
#include "reward_server/external/http_scorer_json.h"
#include "services/base/steady_clock.h"
#include "tests/support/certificates.h"
#include "tests/support/fake_http_scorer.h"
#include "tests/support/verify_items.h"

namespace maspo {
namespace {

using ::testing::HasSubstr;

class HttpScorerTest : public testing::Test {
 protected:
  absl::StatusOr<std::vector<v1::VerifiedAnswer>> Score(int items, absl::Duration deadline = absl::Seconds(20)) {
    HttpScorerClient client(options_);
    return client.Score(Items(items), SteadyNow() + deadline);
  }

  FakeHttpScorer scorer_;
  HttpScorerClient::Options options_{.origin = scorer_.origin(),
                                     .path = "/score",
                                     .timeout = absl::Seconds(1),
                                     .attempts = 2,
                                     .correct = 2,
                                     .incorrect = -3};
};

TEST_F(HttpScorerTest, VerdictsComeInOrderWithTheRewardsOfTheRun) {
  const auto answers = Score(3);
  ASSERT_TRUE(answers.ok()) << answers.status();
  ASSERT_EQ(answers->size(), 3u);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ((*answers)[i].id(), absl::StrCat("i", i));
    EXPECT_EQ((*answers)[i].verdict(), i == 1 ? v1::VERDICT_CORRECT : v1::VERDICT_WRONG);
    EXPECT_EQ((*answers)[i].reward(), i == 1 ? 2 : -3);
    EXPECT_EQ((*answers)[i].decided_by(), "external");
  }
  EXPECT_EQ(scorer_.calls(), 1);
}

TEST_F(HttpScorerTest, ItsOwnRewardsCountAndDecideWhereItGivesNoVerdict) {
  scorer_.Answer(
      R"({"answers": [{"reward": 0.25, "answer": "7"}, {"reward": -0.75}, {"reward": 5, "verdict": "wrong"}]})");
  const auto answers = Score(3);
  ASSERT_TRUE(answers.ok()) << answers.status();
  EXPECT_EQ((*answers)[0].reward(), 0.25);
  EXPECT_EQ((*answers)[0].verdict(), v1::VERDICT_CORRECT);  // Above the middle, which is -0.5.
  EXPECT_EQ((*answers)[0].answer(), "7");
  EXPECT_EQ((*answers)[1].verdict(), v1::VERDICT_WRONG);
  EXPECT_EQ((*answers)[2].verdict(), v1::VERDICT_WRONG);
  EXPECT_EQ((*answers)[2].reward(), 5);
}

TEST_F(HttpScorerTest, AServerErrorIsTriedAgainAndThenUnavailable) {
  scorer_.Answer("oh", 500);
  const absl::Status status = Score(1).status();
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("/score: it answers with HTTP status 500"));
  EXPECT_EQ(scorer_.calls(), 2);
}

TEST_F(HttpScorerTest, ARefusalIsNotTriedAgain) {
  scorer_.Answer("no", 422);
  EXPECT_TRUE(absl::IsInvalidArgument(Score(1).status()));
  EXPECT_EQ(scorer_.calls(), 1);
}

TEST_F(HttpScorerTest, OneGoodAnswerAfterAFailureIsEnough) {
  scorer_.Use([this](const auto& request, auto& response) {
    if (scorer_.calls() == 1) {
      response.status = 503;
    } else {
      FakeHttpScorer::CompareTexts(request, response);
    }
  });
  EXPECT_TRUE(Score(2).ok());
}

TEST_F(HttpScorerTest, ASlowAnswerIsDeadlineExceeded) {
  options_.timeout = absl::Milliseconds(100);
  const auto over = std::make_shared<absl::Notification>();
  scorer_.Use([over](const auto&, auto&) { over->WaitForNotification(); });
  EXPECT_TRUE(absl::IsDeadlineExceeded(Score(1).status()));
  over->Notify();
}

TEST_F(HttpScorerTest, AnAnswerThatTricklesInIsDeadlineExceeded) {
  options_.timeout = absl::Milliseconds(200);
  options_.attempts = 1;
  scorer_.Use([](const auto&, auto& response) {
    response.set_chunked_content_provider("application/json", [](size_t, httplib::DataSink& sink) {
      absl::SleepFor(absl::Milliseconds(50));
      return sink.write(" ", 1);
    });
  });
  EXPECT_TRUE(absl::IsDeadlineExceeded(Score(1).status()));
}

TEST_F(HttpScorerTest, ALongAnswerIsCutAndNotBelieved) {
  options_.timeout = absl::Seconds(30);
  options_.max_response_bytes = 1000;
  options_.attempts = 1;
  scorer_.Answer(std::string(50 << 20, ' '));
  const absl::Status status = Score(1).status();
  EXPECT_TRUE(absl::IsInternal(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("longer than 1000 bytes"));
}

TEST_F(HttpScorerTest, NobodyThereIsUnavailable) {
  HttpScorerClient client({.origin = "http://127.0.0.1:1", .path = "/", .attempts = 1});
  EXPECT_TRUE(absl::IsUnavailable(client.Score(Items(1), SteadyNow() + absl::Seconds(5)).status()));
}

TEST(HttpsScorerTest, TrustsItsCaFileAndNobodyElse) {
  const TestAuthority trusted("trusted"), other("other");
  const v1::TlsConfig tls = trusted.Tls(false);
  httplib::SSLServer server(tls.certificate_file().c_str(), tls.key_file().c_str());
  server.Post("/score", FakeHttpScorer::CompareTexts);
  const int port = server.bind_to_any_port("127.0.0.1");
  std::thread thread([&] { server.listen_after_bind(); });
  for (const TestAuthority* authority : {&trusted, &other}) {
    HttpScorerClient client({.origin = absl::StrCat("https://127.0.0.1:", port),
                             .path = "/score",
                             .ca_file = authority->Tls(false).ca_file(),
                             .attempts = 1});
    const absl::Status status = client.Score(Items(1), SteadyNow() + absl::Seconds(5)).status();
    EXPECT_EQ(status.code(), authority == &trusted ? absl::StatusCode::kOk : absl::StatusCode::kUnavailable) << status;
  }
  server.stop();
  thread.join();
}

TEST_F(HttpScorerTest, AnswersThatDoNotFitAreNotBelieved) {
  options_.attempts = 1;
  for (const auto& [body, why] : {
           std::pair{"{", "not JSON"},
           std::pair{"[]", "not JSON of the form"},
           std::pair{R"({"answers": 3})", "not JSON of the form"},
           std::pair{R"({"answers": []})", "0 answers to 1 items"},
           std::pair{R"({"answers": [{"verdict": "wrong"}, {"verdict": "wrong"}]})", "2 answers to 1 items"},
           std::pair{R"({"answers": [3]})", "is not an object"},
           std::pair{R"({"answers": [{}]})", "neither verdict nor reward"},
           std::pair{R"({"answers": [{"verdict": "crashed"}]})", "a verdict other than"},
           std::pair{R"({"answers": [{"verdict": 1}]})", "a verdict other than"},
           std::pair{R"({"answers": [{"reward": "1"}]})", "not a number"},
           std::pair{R"({"answers": [{"reward": 1e300}]})", "not finite"},
           std::pair{R"({"answers": [{"reward": 1, "answer": 7}]})", "not a string"},
           std::pair{R"({"answers": [{"reward": 1, "id": "i7"}]})", "has the id \"i7\""},
       }) {
    scorer_.Answer(body);
    const absl::Status status = Score(1).status();
    EXPECT_TRUE(absl::IsInternal(status)) << body;
    EXPECT_THAT(std::string(status.message()), HasSubstr(why));
  }
}

TEST(HttpScorerJsonTest, ARequestHasAllOfAnItemWhateverItsBytes) {
  v1::VerifyItem item;
  item.set_id("a");
  item.set_source("aime");
  item.set_problem("1+1?");
  item.set_gold_answer("2");
  item.set_response("\xff\"2\"");
  item.set_response_tokens(7);
  item.set_finish_reason(v1::FINISH_REASON_LENGTH);
  const nlohmann::json request = nlohmann::json::parse(HttpScorerRequest({item}));
  EXPECT_EQ(request["items"][0], nlohmann::json::parse(R"({"id": "a", "source": "aime", "problem": "1+1?",
      "gold_answer": "2", "response": "\ufffd\"2\"", "response_tokens": 7, "finish_reason": "length"})"));
}

}  // namespace
}  // namespace maspo
