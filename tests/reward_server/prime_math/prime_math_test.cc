#include "reward_server/prime_math/prime_math.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "reward_server/prime_math/final_answer.h"
#include "reward_server/prime_math/latex_text.h"
#include "reward_server/prime_math/normal_forms.h"
#include "services/base/jsonl.h"
#include "tests/reward_server/verification/verify_support.h"

namespace maspo {
namespace {

std::string GoldensPath() {
  return std::string(std::getenv("MASPO_SOURCE_DIR")) + "/tests/reward_server/prime_math/goldens.jsonl";
}

// Exactly equal, but not in binary floating point, which the reference calculates decimals with.
bool IsRoundedByTheReference(const std::string& gold, const std::string& response) {
  return gold == "\\frac{\\sqrt{3}}{2}" && response == "\\boxed{\\sqrt{0.75}}";
}

TEST(PrimeMathTest, JudgesTheGoldensAsTheReferenceDoes) {
  auto reader = JsonlReader::Open(GoldensPath());
  ASSERT_TRUE(reader.ok()) << reader.status();
  nlohmann::json row;
  int count = 0;
  for (; *reader->Next(row); ++count) {
    const std::string gold = row["gold"], response = row["response"], answer = row["answer"];
    WorkBudget budget(absl::Seconds(10));
    const PrimeMathJudgement judgement = JudgeByPrimeMath(gold, response, budget);
    EXPECT_EQ(judgement.answer, answer) << response;
    const bool equal = row["equal"].get<bool>() || IsRoundedByTheReference(gold, response);
    EXPECT_EQ(judgement.comparison.is_equal(), equal) << gold << " | " << response;
  }
  EXPECT_GT(count, 300);
}

TEST(PrimeMathTest, OnlyTheDollarsAroundOneFormulaAreDropped) {
  WorkBudget budget(absl::Seconds(10));
  EXPECT_TRUE(JudgeByPrimeMath("$\\frac12$", "\\boxed{\\frac{1}{2}}", budget).comparison.is_equal());
  EXPECT_FALSE(
      JudgeByPrimeMath("$\\frac12$,$\\frac13$", "\\boxed{\\frac12$, $\\frac13}", budget).comparison.is_equal());
}

TEST(PrimeMathTest, IsChosenByTheSourceOfAnItem) {
  const auto verifier = MakeVerifier({.rule_sets = {"olympiad=prime_math"}});
  v1::VerifyItem item = MakeItem("100", "\\boxed{1}");
  EXPECT_EQ(verifier->Verify(item).verdict(), v1::VERDICT_WRONG);
  item.set_source("olympiad");
  EXPECT_EQ(verifier->Verify(item).verdict(), v1::VERDICT_CORRECT);
  EXPECT_EQ(verifier->Verify(item).decided_by(), "tolerance");
}

TEST(PrimeMathTest, IsChosenForAllSourcesButThoseThatAreNamed) {
  const auto verifier = MakeVerifier({.rule_sets = {"prime_math", "gsm8k=default"}});
  v1::VerifyItem item = MakeItem("\\frac{1}{2}", "\\boxed{\\frac{2}{4}}");
  EXPECT_EQ(verifier->Verify(item).verdict(), v1::VERDICT_WRONG);
  item.set_source("gsm8k");
  EXPECT_EQ(verifier->Verify(item).verdict(), v1::VERDICT_CORRECT);
}

TEST(PrimeMathTest, UnknownRuleSetsAreRefused) {
  for (const std::string entry : {"prime", "math=prime", "=default", ""}) {
    const absl::Status status = AnswerVerifier::Create({.rule_sets = {entry}}).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << entry;
    EXPECT_NE(status.message().find("reward.rule_sets: \"" + entry + "\" must be"), std::string::npos) << status;
  }
}

TEST(PrimeMathTest, ResponsesWithoutAnAnswerHaveNone) {
  const auto verifier = MakeVerifier({.rule_sets = {"prime_math"}});
  EXPECT_EQ(verifier->Verify(MakeItem("7", "I do not know")).verdict(), v1::VERDICT_NO_ANSWER);
  EXPECT_EQ(verifier->Verify(MakeItem("7", "7")).verdict(), v1::VERDICT_CORRECT);
  EXPECT_EQ(verifier->Verify(MakeItem("7", "it is 8")).verdict(), v1::VERDICT_WRONG);
}

TEST(PrimeMathTest, TextOfLatexLosesItsStructure) {
  EXPECT_EQ(LatexToText("\\frac{x+1}{2}"), "x+1/2");
  EXPECT_EQ(LatexToText("2\\sqrt[3]{5}"), "2\u221a(5)");
  EXPECT_EQ(LatexToText("x^{10} \\le \\foo y"), "x^10 \u2264y");
  EXPECT_EQ(LatexToText("\\begin{pmatrix}1&20\\\\3&4\\end{pmatrix}"), "[  1 20;  3  4 ]");
  EXPECT_EQ(LatexToText(std::string(1000, '{')), std::nullopt);
}

TEST(PrimeMathTest, GroupingCommasLeaveTuplesAlone) {
  EXPECT_EQ(WithoutGroupingCommas("(1,234,5)"), "(1234,5)");
  EXPECT_EQ(WithoutGroupingCommas("1,234,567"), "1234567");
  EXPECT_EQ(WithoutGroupingCommas("(1,2)"), "(1,2)");
}

TEST(PrimeMathTest, HostileAnswersAreJudgedInTime) {
  const std::string open(30000, '('), letters(30000, 'x'), commas(30000, ',');
  const std::vector<std::string> answers = {open,
                                            letters,
                                            commas,
                                            "9^9^9^9",
                                            std::string("((9!)!)!"),
                                            std::string(30000, '9'),
                                            "1" + std::string(3000, '!'),
                                            std::string(30000, '-'),
                                            "\\frac" + open,
                                            std::string(10000, '\\'),
                                            "1" + std::string(9999, '/') + "2",
                                            "\\boxed{" + std::string(1000000, '{'),
                                            std::string("\xff\xfe\0\x80", 4),
                                            "\\sqrt" + std::string(9999, '[')};
  for (const std::string& answer : answers) {
    for (const std::string& gold : {std::string("x+1"), answer}) {
      WorkBudget budget(UsualDeadline());
      const PrimeMathJudgement judgement = JudgeByPrimeMath(gold, "the answer is " + answer, budget);
      EXPECT_NE(judgement.comparison.outcome, Comparison::Outcome::kDeadline) << answer.substr(0, 40);
    }
  }
}

}  // namespace
}  // namespace maspo
