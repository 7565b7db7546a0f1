#include "reward_server/scoring/source_router.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/synchronization/notification.h"
#include "services/base/steady_clock.h"
#include "tests/support/fake_answer_scorer.h"

namespace maspo {
namespace {

std::vector<v1::VerifyItem> Items(const std::vector<std::string>& sources) {
  std::vector<v1::VerifyItem> items(sources.size());
  for (size_t i = 0; i < items.size(); ++i) {
    items[i].set_id(std::to_string(i));
    items[i].set_source(sources[i]);
    items[i].set_gold_answer("7");
    items[i].set_response("7");
  }
  return items;
}

class SourceRouterTest : public testing::Test {
 protected:
  static double NoTerms(const v1::VerifyItem&, v1::Verdict) { return 0; }

  FakeAnswerScorer* AddExternal(SourceRouter& router, const std::string& source) {
    auto scorer = std::make_unique<FakeAnswerScorer>();
    FakeAnswerScorer* const added = scorer.get();
    router.Add(source, std::move(scorer));
    return added;
  }

  Metrics metrics_{"reward-server", "test"};
  FakeAnswerScorer verifier_;
};

TEST_F(SourceRouterTest, EachSourceGoesToItsScorerAndAnswersKeepTheirOrder) {
  SourceRouter router(&verifier_, NoTerms, {.batch_items = 2}, metrics_);
  FakeAnswerScorer* const external = AddExternal(router, "mine");
  external->Use([](const auto& items, absl::Time) {
    auto answers = FakeAnswerScorer::CompareTexts(items);
    for (auto& answer : answers) answer.set_answer("external");
    return answers;
  });
  const auto answers = router.Score(Items({"mine", "", "mine", "other", "mine"}), SteadyNow() + absl::Seconds(5));
  ASSERT_TRUE(answers.ok()) << answers.status();
  for (size_t i = 0; i < answers->size(); ++i) {
    EXPECT_EQ((*answers)[i].id(), std::to_string(i));
    EXPECT_EQ((*answers)[i].answer() == "external", i % 2 == 0);
  }
  EXPECT_EQ(verifier_.batch_sizes(), std::vector<size_t>{2});
  EXPECT_EQ(external->batch_sizes(), (std::vector<size_t>{2, 1}));
}

TEST_F(SourceRouterTest, AFailingScorerFailsItsOwnItemsAndNeverJudgesThemWrong) {
  SourceRouter router(&verifier_, NoTerms, {}, metrics_);
  FakeAnswerScorer* const external = AddExternal(router, "mine");
  for (const auto& [status, verdict] : {std::pair{absl::UnavailableError("away"), v1::VERDICT_CRASHED},
                                        std::pair{absl::InternalError("nonsense"), v1::VERDICT_CRASHED},
                                        std::pair{absl::DeadlineExceededError("slow"), v1::VERDICT_TIMEOUT}}) {
    external->Answer(status);
    const auto answers = router.Score(Items({"mine", "other"}), SteadyNow() + absl::Seconds(5));
    ASSERT_TRUE(answers.ok()) << answers.status();
    EXPECT_EQ((*answers)[0].verdict(), verdict);
    EXPECT_EQ((*answers)[0].reward(), 0);
    EXPECT_EQ((*answers)[0].detail(), status.message());
    EXPECT_EQ((*answers)[1].detail(), "");
    EXPECT_EQ((*answers)[0].id(), "0");
    EXPECT_EQ((*answers)[1].verdict(), v1::VERDICT_CORRECT);
  }
  EXPECT_EQ(metrics_
                .AddCounter("maspo_reward_external_failures_total",
                            "Answers that an external scorer did not judge, after all attempts")
                .Value(),
            3);
}

TEST_F(SourceRouterTest, TheVerifiersErrorsPass) {
  SourceRouter router(&verifier_, NoTerms, {}, metrics_);
  AddExternal(router, "mine");
  verifier_.Answer(absl::ResourceExhaustedError("busy"));
  EXPECT_TRUE(absl::IsResourceExhausted(router.Score(Items({"mine", ""}), absl::InfiniteFuture()).status()));
}

TEST_F(SourceRouterTest, TermsAreAddedToWhatTheScorerGave) {
  SourceRouter router(
      &verifier_, [](const auto&, v1::Verdict) { return 0.5; }, {}, metrics_);
  AddExternal(router, "mine");
  const auto answers = router.Score(Items({"mine", ""}), absl::InfiniteFuture());
  EXPECT_EQ((*answers)[0].reward(), 1.5);
  EXPECT_EQ((*answers)[1].reward(), 1);  // The verifier has added its own.
}

TEST_F(SourceRouterTest, CallsToAScorerAreBoundedAndThoseThatWaitTooLongAreTimeouts) {
  SourceRouter router(&verifier_, NoTerms, {.concurrency = 2}, metrics_);
  std::atomic<int> now{0};
  absl::Notification others_gave_up;
  AddExternal(router, "mine")->Use([&](const auto& items, absl::Time) {
    ++now;
    others_gave_up.WaitForNotification();
    return FakeAnswerScorer::CompareTexts(items);
  });
  std::vector<std::thread> callers;
  for (int i = 0; i < 2; ++i) {
    callers.emplace_back([&] {
      const auto answers = router.Score(Items({"mine"}), absl::InfiniteFuture());
      EXPECT_EQ((*answers)[0].verdict(), v1::VERDICT_CORRECT);
    });
  }
  while (now < 2) absl::SleepFor(absl::Milliseconds(1));
  for (int i = 0; i < 6; ++i) {
    const auto answers = router.Score(Items({"mine"}), SteadyNow() + absl::Milliseconds(10));
    EXPECT_EQ((*answers)[0].verdict(), v1::VERDICT_TIMEOUT);
  }
  EXPECT_EQ(now, 2);
  others_gave_up.Notify();
  for (std::thread& caller : callers) caller.join();
}

}  // namespace
}  // namespace maspo
