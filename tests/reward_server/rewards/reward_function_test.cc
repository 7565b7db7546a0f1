#include "reward_server/rewards/reward_function.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "services/base/status_macros.h"

namespace maspo {
namespace {

v1::RewardSection WithTerms(const std::vector<std::string>& terms) {
  v1::RewardSection reward;
  for (const std::string& term : terms) reward.add_terms(term);
  reward.set_overlong_max_tokens(100);
  reward.set_overlong_buffer_tokens(20);
  reward.set_repetition_words(2);
  return reward;
}

v1::VerifyItem Item(const std::string& response, uint32_t tokens = 10, const std::string& source = "") {
  v1::VerifyItem item;
  item.set_response(response);
  item.set_response_tokens(tokens);
  item.set_source(source);
  return item;
}

double RewardOf(const std::vector<std::string>& terms, const v1::VerifyItem& item, v1::Verdict verdict) {
  const auto function = RewardFunction::Create(WithTerms(terms));
  MASPO_CHECK(function.ok());
  return (*function)->Evaluate(item, verdict);
}

constexpr v1::Verdict kCorrect = v1::VERDICT_CORRECT, kWrong = v1::VERDICT_WRONG;

TEST(RewardFunctionTest, WithoutTermsTheVerdictDecides) {
  EXPECT_EQ(RewardOf({}, Item(""), kCorrect), 1);
  EXPECT_EQ(RewardOf({}, Item(""), kWrong), -1);
  EXPECT_EQ(RewardOf({}, Item(""), v1::VERDICT_NO_ANSWER), -1);
  EXPECT_EQ(RewardOf({}, Item(""), v1::VERDICT_UNPARSABLE), -1);
}

TEST(RewardFunctionTest, FailuresOfTheVerifierHaveNoReward) {
  EXPECT_EQ(RewardOf({"format=1"}, Item("\\boxed{1}"), v1::VERDICT_TIMEOUT), 0);
  EXPECT_EQ(RewardOf({"format=1"}, Item("\\boxed{1}"), v1::VERDICT_CRASHED), 0);
}

TEST(RewardFunctionTest, FormatAsksForAClosedBoxBehindTheThinking) {
  EXPECT_EQ(RewardOf({"format=0.5"}, Item("so \\boxed{1}"), kCorrect), 1.5);
  EXPECT_EQ(RewardOf({"format=0.5"}, Item("so 1"), kCorrect), 1);
  EXPECT_EQ(RewardOf({"format=0.5"}, Item("so \\boxed{1"), kCorrect), 1);
  EXPECT_EQ(RewardOf({"format=0.5"}, Item("<think>a</think> \\boxed{1}"), kCorrect), 1.5);
  EXPECT_EQ(RewardOf({"format=0.5"}, Item("<think>a \\boxed{1}"), kCorrect), 1);
}

TEST(RewardFunctionTest, OverlongFallsLinearlyOverTheBuffer) {
  EXPECT_EQ(RewardOf({"overlong=1"}, Item("", 80), kCorrect), 1);
  EXPECT_EQ(RewardOf({"overlong=1"}, Item("", 90), kCorrect), 0.5);
  EXPECT_EQ(RewardOf({"overlong=1"}, Item("", 100), kCorrect), 0);
  EXPECT_EQ(RewardOf({"overlong=1"}, Item("", 101), kWrong), -2);
}

TEST(RewardFunctionTest, LengthPrefersTheShorterOfTwoCorrectResponses) {
  EXPECT_EQ(RewardOf({"length=0.5"}, Item("", 50), kCorrect), 0.75);
  EXPECT_EQ(RewardOf({"length=0.5"}, Item("", 500), kCorrect), 0.5);
  EXPECT_EQ(RewardOf({"length=0.5"}, Item("", 50), kWrong), -1);
}

TEST(RewardFunctionTest, RepetitionCostsItsShare) {
  EXPECT_EQ(RewardOf({"repetition=1"}, Item("a b c d e"), kCorrect), 1);
  EXPECT_EQ(RewardOf({"repetition=1"}, Item("a a a a a"), kCorrect), 0.25);  // Three of four pairs are repeats.
}

TEST(RewardFunctionTest, TermOfOneSourceLeavesTheOthersAlone) {
  const std::vector<std::string> terms = {"gsm8k/format=1", "length=1"};
  EXPECT_EQ(RewardOf(terms, Item("\\boxed{1}", 0, "gsm8k"), kCorrect), 2);
  EXPECT_EQ(RewardOf(terms, Item("\\boxed{1}", 0, "math"), kCorrect), 1);
}

TEST(RewardFunctionTest, RefusesWhatItDoesNotKnow) {
  for (const char* entry : {"format", "format=x", "format=nan", "format=inf", "beauty=1", "=1", ""}) {
    const auto function = RewardFunction::Create(WithTerms({entry}));
    EXPECT_TRUE(absl::IsInvalidArgument(function.status())) << entry;
  }
  v1::RewardSection reward = WithTerms({});
  reward.set_overlong_buffer_tokens(0);
  EXPECT_TRUE(absl::IsInvalidArgument(RewardFunction::Create(reward).status()));
}

}  // namespace
}  // namespace maspo
