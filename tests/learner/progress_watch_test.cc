#include "learner/progress_watch.h"

#include <gtest/gtest.h>

namespace maspo {
namespace {

using Stall = ProgressWatch::Stall;

// A watch with a timeout of 10 seconds that looks once a second.
class ProgressWatchTest : public ::testing::Test {
 protected:
  void SetTokens(const std::string& worker, uint64_t response_tokens, uint64_t prompt_tokens = 0) {
    v1::WorkerSummary* summary = nullptr;
    for (v1::WorkerSummary& known : *status_.mutable_workers()) {
      if (known.worker_id() == worker) summary = &known;
    }
    if (summary == nullptr) summary = status_.add_workers();
    summary->set_worker_id(worker);
    summary->mutable_status()->set_response_tokens(response_tokens);
    summary->mutable_status()->set_prompt_tokens(prompt_tokens);
  }

  // Lets `seconds` pass, each with `change`; returns after how many of them the run stalled, if it did.
  template <typename Change>
  std::optional<int> StalledAfter(int seconds, Change change) {
    for (int i = 1; i <= seconds; ++i) {
      change();
      now_ += absl::Seconds(1);
      watch_.See(counts_, status_, now_);
      if ((stall_ = watch_.stall(now_)) != Stall::kNone) return i;
    }
    return std::nullopt;
  }

  absl::Time now_ = absl::UnixEpoch();
  ProgressWatch watch_{absl::Seconds(10), now_};
  ProgressWatch::Counts counts_;
  v1::RunStatus status_;
  Stall stall_ = Stall::kNone;
};

TEST_F(ProgressWatchTest, NothingAtAllIsAStall) {
  EXPECT_EQ(StalledAfter(100, [] {}), 11);
  EXPECT_EQ(stall_, Stall::kNothingMoves);
}

TEST_F(ProgressWatchTest, AGroupThatCameIsProgressHoweverLongTheStepTakes) {
  int second = 0;
  EXPECT_EQ(StalledAfter(200,
                         [&] {
                           if (++second % 9 == 0) ++counts_.arrived, ++counts_.kept;
                         }),
            std::nullopt);
  EXPECT_EQ(StalledAfter(100, [] {}), 9) << "two seconds after the last group";
}

TEST_F(ProgressWatchTest, TokensOfOneLongGroupAreProgress) {
  uint64_t tokens = 0;
  SetTokens("w#1", 0);
  EXPECT_EQ(StalledAfter(1000, [&] { SetTokens("w#1", ++tokens); }), std::nullopt);
  EXPECT_EQ(StalledAfter(100, [] {}), 11);
}

TEST_F(ProgressWatchTest, SoIsThePrefillOfALongPrompt) {
  uint64_t tokens = 0;
  SetTokens("w#1", 7);
  EXPECT_EQ(StalledAfter(50, [&] { SetTokens("w#1", 7, ++tokens); }), std::nullopt);
}

TEST_F(ProgressWatchTest, RegisteringAgainIsNot) {
  int registrations = 0;
  EXPECT_EQ(StalledAfter(100,
                         [&] {
                           status_.clear_workers();
                           SetTokens("w#" + std::to_string(++registrations), 500);
                         }),
            11);
}

TEST_F(ProgressWatchTest, OneWorkerThatSamplesIsEnough) {
  uint64_t tokens = 0;
  SetTokens("idle#1", 1000);
  EXPECT_EQ(StalledAfter(50, [&] { SetTokens("busy#2", ++tokens); }), std::nullopt);
}

TEST_F(ProgressWatchTest, DynamicSamplingThatNeverKeepsAGroupIsAStallAtFullSpeed) {
  EXPECT_EQ(StalledAfter(100, [&] { counts_.arrived += 400, counts_.replaced += 400; }), 11);
  EXPECT_EQ(stall_, Stall::kAllReplaced);
  EXPECT_EQ(watch_.replaced_in_a_row(), 400u * 10) << "the first look is where counting starts";
}

TEST_F(ProgressWatchTest, AKeptGroupNowAndThenIsNot) {
  int second = 0;
  EXPECT_EQ(
      StalledAfter(200, [&] { counts_.arrived += 400, counts_.replaced += 399, counts_.kept += ++second % 8 == 0; }),
      std::nullopt);
}

TEST_F(ProgressWatchTest, NorAreAFewReplacedGroupsOfASlowMachine) {
  uint64_t tokens = 0;
  SetTokens("w#1", 0);
  int second = 0;
  const auto slow = [&] {
    SetTokens("w#1", ++tokens);
    if (++second % 20 == 0) ++counts_.arrived, ++counts_.replaced;
  };
  EXPECT_EQ(StalledAfter(255 * 20, slow), std::nullopt);
  EXPECT_EQ(StalledAfter(40, slow), 20) << "the 256th in a row";
}

TEST_F(ProgressWatchTest, RegeneratingWhatIsGivenUpIsAStall) {
  uint64_t tokens = 0;
  SetTokens("w#1", 0);
  int second = 0;
  EXPECT_EQ(StalledAfter(100,
                         [&] {
                           SetTokens("w#1", tokens += 1000);
                           if (++second % 2 == 0) ++counts_.given_up;
                         }),
            16);
  EXPECT_EQ(stall_, Stall::kAllGivenUp);
}

TEST_F(ProgressWatchTest, AGroupGivenUpNowAndThenIsNot) {
  int second = 0;
  EXPECT_EQ(StalledAfter(500,
                         [&] {
                           ++counts_.given_up;
                           if (++second % 5 == 0) ++counts_.arrived, ++counts_.kept;
                         }),
            std::nullopt);
}

}  // namespace
}  // namespace maspo
