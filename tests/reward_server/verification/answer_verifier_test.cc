#include "reward_server/verification/answer_verifier.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/reward_server/verification/verify_support.h"

namespace maspo {
namespace {

struct Pair {
  const char* gold;
  const char* answer;
};

class EqualAnswersTest : public testing::TestWithParam<Pair> {};
class DifferentAnswersTest : public testing::TestWithParam<Pair> {};

TEST_P(EqualAnswersTest, AreCorrect) {
  const v1::VerifiedAnswer answer = VerifyCalmly(GetParam().gold, Boxed(GetParam().answer));
  EXPECT_EQ(answer.verdict(), v1::VERDICT_CORRECT) << answer.DebugString();
}
TEST_P(DifferentAnswersTest, AreWrong) {
  const v1::VerifiedAnswer answer = VerifyCalmly(GetParam().gold, Boxed(GetParam().answer));
  EXPECT_EQ(answer.verdict(), v1::VERDICT_WRONG) << answer.DebugString();
}

INSTANTIATE_TEST_SUITE_P(Integers, EqualAnswersTest,
                         testing::Values(Pair{"73", "73"}, Pair{"073", "73"}, Pair{"-4", "-4"}, Pair{"5", "+5"},
                                         Pair{"0", "-0"}, Pair{"1,875", "1875"}, Pair{"1875", "1{,}875"},
                                         Pair{"12", "3 \\cdot 4"}, Pair{"1000000", "10^6"},
                                         Pair{"18446744073709551615", "2^{64}-1"}));
INSTANTIATE_TEST_SUITE_P(Integers, DifferentAnswersTest,
                         testing::Values(Pair{"73", "37"}, Pair{"73", "-73"},
                                         Pair{"100000000000000000001", "100000000000000000000"},
                                         Pair{"2^{200}", "2^{200}+1"}, Pair{"5", "5t"}, Pair{"5", "n"}));
INSTANTIATE_TEST_SUITE_P(Decimals, EqualAnswersTest,
                         testing::Values(Pair{"0.5", ".5"}, Pair{"2.50", "2.5"}, Pair{"7", "7.0"},
                                         Pair{"\\frac{1}{3}", "0.333333"}, Pair{"0.1", "0.10000001"},
                                         Pair{"-0.25", "-\\frac{1}{4}"}, Pair{"10^{-9}", "0.000000001"}));
INSTANTIATE_TEST_SUITE_P(Decimals, DifferentAnswersTest,
                         testing::Values(Pair{"0.5", "0.50001"}, Pair{"7", "7.0000001"}, Pair{"7", "6.9999"},
                                         Pair{"\\frac{1}{3}", "0.33"}, Pair{"0", "10^{-9}"}, Pair{"6.4", "6.04"}));
INSTANTIATE_TEST_SUITE_P(Fractions, EqualAnswersTest,
                         testing::Values(Pair{"\\frac{14}{3}", "\\frac{28}{6}"}, Pair{"\\frac{14}{3}", "4\\frac{2}{3}"},
                                         Pair{"-\\frac{5}{7}", "\\frac{5}{-7}"}, Pair{"3/8", "\\tfrac38"},
                                         Pair{"2", "\\frac{14}{7}"}));
INSTANTIATE_TEST_SUITE_P(Fractions, DifferentAnswersTest,
                         testing::Values(Pair{"\\frac{14}{3}", "\\frac{3}{14}"}, Pair{"\\frac{1}{2}", "\\frac{1}{0}"},
                                         Pair{"\\frac{1}{3^{60}}", "3^{-61}"}));
INSTANTIATE_TEST_SUITE_P(Percent, EqualAnswersTest,
                         testing::Values(Pair{"35\\%", "35"}, Pair{"35", "35\\%"}, Pair{"35\\%", "0.35"},
                                         Pair{"\\frac{7}{20}", "35\\%"}, Pair{"12.5\\%", "12.50\\%"},
                                         Pair{"12.5\\%", "\\frac18"}));
INSTANTIATE_TEST_SUITE_P(Percent, DifferentAnswersTest,
                         testing::Values(Pair{"35\\%", "3.5"}, Pair{"35\\%", "36\\%"}, Pair{"0.4", "40"},
                                         Pair{"35\\%", "3500"}));
INSTANTIATE_TEST_SUITE_P(Text, EqualAnswersTest,
                         testing::Values(Pair{"\\text{Tuesday}", "tuesday"},
                                         Pair{"\\text{no solution}", "\\text{No solution}"}, Pair{"B", "\\text{(B)}"},
                                         Pair{"3\\sqrt{5}", "\\sqrt53"}, Pair{"x \\le 3", "x\\le3"}));
INSTANTIATE_TEST_SUITE_P(Text, DifferentAnswersTest,
                         testing::Values(Pair{"\\text{yes}", "\\text{no}"}, Pair{"B", "D"}, Pair{"\\text{no}", "0"},
                                         Pair{"5", "\\text{five or six}"}, Pair{"5", "5 \\text{ or six}"},
                                         Pair{"x_1", "x_2"}));
INSTANTIATE_TEST_SUITE_P(Equations, EqualAnswersTest,
                         testing::Values(Pair{"x=5", "5"}, Pair{"5", "x=5"}, Pair{"x=5", "x = \\frac{10}{2} = 5"},
                                         Pair{"f(x)=3", "3"}, Pair{"x=1,y=2", "y=2, x=1"}, Pair{"x=1,y=2", "1,2"}));
INSTANTIATE_TEST_SUITE_P(Equations, DifferentAnswersTest,
                         testing::Values(Pair{"x=14", "y=14"}, Pair{"x=1,y=2", "x=2,y=1"}, Pair{"2x+y=1", "1"}));
INSTANTIATE_TEST_SUITE_P(Lists, EqualAnswersTest,
                         testing::Values(Pair{"1,-2", "-2, 1"}, Pair{"\\{1,2\\}", "2,1"},
                                         Pair{"\\{1,1,2\\}", "\\{1,2\\}"}, Pair{"(5,2)", "(5, 2.0)"},
                                         Pair{"(5,2)", "5,2"}, Pair{"[0,\\frac12)", "[0,0.5)"},
                                         Pair{"(1,5),(5,1)", "(5,1),(1,5)"}));
INSTANTIATE_TEST_SUITE_P(Lists, DifferentAnswersTest,
                         testing::Values(Pair{"1,-2", "1,2"}, Pair{"1,2", "1,2,3"}, Pair{"1,2,3", "1,2"},
                                         Pair{"(5,2)", "(2,5)"}, Pair{"(5,2)", "2,5"}, Pair{"(5,2)", "\\{5,2\\}"},
                                         Pair{"[0,1]", "(0,1)"}, Pair{"3", "3 or 4"}, Pair{"\\emptyset", "0"}));

struct VerdictCase {
  const char* gold;
  const char* response;
  v1::Verdict verdict;
  const char* answer;
  const char* decided_by;
};
class VerdictTest : public testing::TestWithParam<VerdictCase> {};

TEST_P(VerdictTest, SaysWhatWasReadAndWhichRuleDecided) {
  const v1::VerifiedAnswer answer = VerifyCalmly(GetParam().gold, GetParam().response);
  EXPECT_EQ(answer.verdict(), GetParam().verdict) << answer.DebugString();
  EXPECT_EQ(answer.answer(), GetParam().answer);
  EXPECT_EQ(answer.decided_by(), GetParam().decided_by);
  EXPECT_EQ(answer.id(), "item");
}

INSTANTIATE_TEST_SUITE_P(
    All, VerdictTest,
    testing::Values(VerdictCase{"7", "so \\boxed{7}", v1::VERDICT_CORRECT, "7", "integer"},
                    VerdictCase{"7", "so \\boxed{8}", v1::VERDICT_WRONG, "8", "integer"},
                    VerdictCase{"1/4", "so \\boxed{0.25}", v1::VERDICT_CORRECT, "0.25", "decimal"},
                    VerdictCase{"1/2", "so \\boxed{\\frac24}", v1::VERDICT_CORRECT, "\\frac24", "fraction"},
                    VerdictCase{"50\\%", "so \\boxed{0.5}", v1::VERDICT_CORRECT, "0.5", "percent"},
                    VerdictCase{"\\text{east}", "so \\boxed{\\text{west}}", v1::VERDICT_WRONG, "\\text{west}", "text"},
                    VerdictCase{"(1,2)", "so \\boxed{(1,2)}", v1::VERDICT_CORRECT, "(1,2)", "same tree"},
                    VerdictCase{"7", "I do not know.", v1::VERDICT_NO_ANSWER, "", "extraction"},
                    VerdictCase{"7", "", v1::VERDICT_NO_ANSWER, "", "extraction"},
                    VerdictCase{"7", "\\boxed{ }", v1::VERDICT_NO_ANSWER, "", "extraction"},
                    VerdictCase{"7", "\\boxed{?}", v1::VERDICT_UNPARSABLE, "?", "answer"},
                    VerdictCase{"0", "\\boxed{\\frac{1}{", v1::VERDICT_UNPARSABLE, "\\frac{1}", "answer"},
                    VerdictCase{"2\\sqrt{2}", "\\boxed{\\sqrt{8}}", v1::VERDICT_CORRECT, "\\sqrt{8}", "constant"},
                    VerdictCase{"9", "\\boxed{9^{9^{9^9}}}", v1::VERDICT_UNPARSABLE, "9^{9^{9^9}}", "too_large"},
                    VerdictCase{"", "\\boxed{7}", v1::VERDICT_UNPARSABLE, "7", "gold_answer"}));

TEST(AnswerVerifierTest, UnbalancedBracesScoreZero) {
  const auto verifier = MakeVerifier({.correct = 1, .incorrect = 0});
  EXPECT_EQ(verifier->Verify(MakeItem("1", "\\boxed{\\frac{1}{1}}}}}{{{")).reward(), 1);  // The box itself is balanced.
  EXPECT_EQ(verifier->Verify(MakeItem("1", "\\boxed{\\frac{1}{{{1")).reward(), 0);
}

TEST(AnswerVerifierTest, ReadableCandidateBeatsAnUnreadableBetterOne) {
  const v1::VerifiedAnswer answer = VerifyCalmly("7", "Answer: 7. Hence \\boxed{?}");
  EXPECT_EQ(answer.verdict(), v1::VERDICT_CORRECT);
  EXPECT_EQ(answer.answer(), "7");
}

TEST(AnswerVerifierTest, TruncatedResponseHasNoAnswerWhenConfigured) {
  v1::VerifyItem item = MakeItem("7", "\\boxed{7}");
  item.set_finish_reason(v1::FINISH_REASON_LENGTH);
  EXPECT_EQ(MakeVerifier({.truncated_is_no_answer = true})->Verify(item).verdict(), v1::VERDICT_NO_ANSWER);
  EXPECT_EQ(MakeVerifier({.truncated_is_no_answer = false})->Verify(item).verdict(), v1::VERDICT_CORRECT);
  item.set_finish_reason(v1::FINISH_REASON_STOP);
  EXPECT_EQ(MakeVerifier({.truncated_is_no_answer = true})->Verify(item).verdict(), v1::VERDICT_CORRECT);
}

TEST(AnswerVerifierTest, RewardsAreThoseConfigured) {
  const auto verifier = MakeVerifier({.correct = 2, .incorrect = -0.5});
  EXPECT_EQ(verifier->Verify(MakeItem("7", "\\boxed{7}")).reward(), 2);
  EXPECT_EQ(verifier->Verify(MakeItem("7", "\\boxed{8}")).reward(), -0.5);
  EXPECT_EQ(verifier->Verify(MakeItem("7", "nothing")).reward(), -0.5);
  EXPECT_EQ(verifier->Verify(MakeItem("7", "\\boxed{?}")).reward(), -0.5);
}

TEST(AnswerVerifierTest, SpentBudgetIsATimeoutWithoutReward) {
  std::string sum = "1";
  for (int i = 0; i < 1000; ++i) sum += "+1";
  const v1::VerifiedAnswer answer =
      MakeVerifier({.answer_deadline = absl::Nanoseconds(1)})->Verify(MakeItem("1001", Boxed(sum)));
  EXPECT_EQ(answer.verdict(), v1::VERDICT_TIMEOUT);
  EXPECT_EQ(answer.reward(), 0);
}

TEST(AnswerVerifierTest, ScoresABatchInOrder) {
  std::vector<v1::VerifyItem> items;
  for (int i = 0; i < 10; ++i) {
    items.push_back(MakeItem("4", Boxed(std::to_string(i))));
    items.back().set_id(std::to_string(i));
  }
  const auto answers = MakeVerifier()->Score(items, absl::InfiniteFuture());
  ASSERT_TRUE(answers.ok());
  ASSERT_EQ(answers->size(), 10u);
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ((*answers)[i].id(), std::to_string(i));
    EXPECT_EQ((*answers)[i].verdict() == v1::VERDICT_CORRECT, i == 4);
  }
}

TEST(AnswerVerifierTest, ScoreEndsAtItsDeadline) {
  EXPECT_TRUE(absl::IsDeadlineExceeded(MakeVerifier()->Score({MakeItem("1", "1")}, absl::InfinitePast()).status()));
}

TEST(AnswerVerifierTest, RefusesSenselessOptions) {
  EXPECT_TRUE(absl::IsInvalidArgument(AnswerVerifier::Create({.correct = -1, .incorrect = 1}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(AnswerVerifier::Create({.answer_deadline = absl::ZeroDuration()}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(
      AnswerVerifier::Create({.verification = {.response = {}, .gold = {}, .comparison = {.decimal_places = -1}}})
          .status()));
}

}  // namespace
}  // namespace maspo
