#include "reward_server/extraction/answer_extractor.h"

#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <vector>

#include "reward_server/limits.h"

namespace maspo {
namespace {

std::string TextOf(const Candidate& candidate) {
  std::string text;
  for (const Candidate::Part& part : candidate.parts) {
    text += (text.empty() ? "" : " ; ") + part.text + (part.is_percent ? " %" : "");
  }
  return text;
}

// What is tried first, and why.
std::string BestOf(const std::string& response) {
  WorkBudget budget(absl::Seconds(10));
  const ExtractionOptions options;
  AnswerExtractor extractor(response, options, budget);
  const std::optional<Candidate> best = extractor.Next();
  return best ? std::string(best->found_by) + " | " + TextOf(*best) : "nothing";
}

std::vector<std::string> AllOf(const std::string& response) {
  WorkBudget budget(absl::Seconds(10));
  const ExtractionOptions options;
  AnswerExtractor extractor(response, options, budget);
  std::vector<std::string> texts;
  while (const std::optional<Candidate> answer = extractor.Next()) texts.push_back(TextOf(*answer));
  return texts;
}

struct Case {
  const char* claim;
  const char* response;
  const char* best;
};
void PrintTo(const Case& c, std::ostream* out) { *out << c.response; }

class BestCandidateTest : public testing::TestWithParam<Case> {};

TEST_P(BestCandidateTest, IsFoundAndExplained) { EXPECT_EQ(BestOf(GetParam().response), GetParam().best); }

std::string NameOf(const testing::TestParamInfo<Case>& info) { return info.param.claim; }

INSTANTIATE_TEST_SUITE_P(
    Boxes, BestCandidateTest,
    testing::Values(
        Case{"LastBoxWins",
             R"(First \boxed{1}. No wait: that forgets the case of four equal digits. With that case it is \boxed{2})",
             "boxed | 2"},
        Case{"BracesBalance", R"(\boxed{\frac{1}{\sqrt{2}}} done {})", R"(boxed | \frac{1}{\sqrt{2}})"},
        Case{"EscapedBracesAreContent", R"(\boxed{\{1,2\}})", R"(boxed | \{1,2\})"},
        Case{"UnclosedLastBoxRunsToTheEnd", R"(so \boxed{12 + x)", "boxed | 12 + x"},
        Case{"SpaceBeforeTheBrace", R"(\boxed {7})", "boxed | 7"}, Case{"FboxCounts", R"(\fbox{7})", "boxed | 7"},
        Case{"InnermostOfNestedBoxes", R"(\boxed{\boxed{7}})", "boxed | 7"},
        Case{"WordBoxedIsNoBox", R"(I put it in \boxed as asked: \boxed{3}. The box{4} and \boxed are words.)",
             "boxed | 3"},
        Case{"CloseBoxesFormAList", R"($\boxed{2}$, $\boxed{3}$)", "boxed | 2 ; 3"},
        Case{"ListedBoxesFormAList", R"(\boxed{2} is the smaller solution, and \boxed{3})", "boxed | 2,3"},
        Case{"RepeatedBoxIsOneAnswer", R"(\boxed{2}, that is \boxed{2})", "boxed | 2"},
        Case{"DoubledBackslash", R"(so \\boxed{4})", "boxed | 4"},
        Case{"BoxAfterThinking",
             "<think>maybe \\boxed{1}? no: an even number cannot be the prime that the question asks "
             "for</think>\\boxed{9}",
             "boxed | 9"}),
    NameOf);

INSTANTIATE_TEST_SUITE_P(
    Anchors, BestCandidateTest,
    testing::Values(
        Case{"IHopeBeatsABox", R"(The final answer is $5$. I hope it is correct. \boxed{6})",
             "final answer, I hope | 5"},
        Case{"FinalAnswerIs", "The final answer is 48.", "final answer is | 48"},
        Case{"FinalAnswerIsLater", R"(Final Answer: the solution set is $(2,\infty)$.)",
             R"(final answer is | (2,\infty))"},
        Case{"LaterOfBoxAndFinalAnswer", R"(The final answer is 4. Or rather \boxed{5}.)", "boxed | 5"},
        Case{"AnswerColon", "**Answer:** 16", "answer: | 16"},
        Case{"AnswerColonOnTheNextLine", "### Answer:\n\n$16$", "answer: | 16"},
        Case{"AnswerColonBeatsAnswer", "Answer: 5. Some say the answer is 6.", "answer: | 5"},
        Case{"FirstNumberAfterTheAnchor", "The answer is 16, because 4 squared is 16 and not 14.", "answer | 16"},
        Case{"RightSideOfACalculation", "The answer is 3 * 4 = 12 apples", "answer | 12"},
        Case{"LeftSideOfAnEquationIsNone", "Answer: 12 = x", "number | 12"},
        Case{"LastAnchorWins", "The answer is 3. Checking again, the answer is 4.", "answer | 4"},
        Case{"CaseDoesNotMatter", "ANSWER: 11", "answer: | 11"},
        Case{"TooFarFromTheAnchor",
             "The answer follows from what has been said above about every single one of the 30 cases", "number | 30"}),
    NameOf);

INSTANTIATE_TEST_SUITE_P(
    Unanchored, BestCandidateTest,
    testing::Values(
        Case{"LastEnvironment", R"(We have $\frac{1}{4}$ and later $\frac{3}{8}$.)", R"(environment | \frac{3}{8})"},
        Case{"WhatEndsLaterWins", "$x = 7$ in 3 steps", "number | 3"},
        Case{"DisplaySpansLines", "So\n\\[\nx = 8\n\\]\n", "environment | \nx = 8\n"},
        Case{"DoubleDollarSpansLines", "So $$\n5\n$$", "environment | \n5\n"},
        Case{"InlineDoesNotSpanLines", "it costs $5\nand $6 more, 8 in all", "number | 8"},
        Case{"AmountsAreNoEnvironment", "from $5 to $18.90", "number | 18.90"},
        Case{"AmountBeforeMathematics", "for $5 each, so $x = 7$", "number | 7"},
        Case{"EscapedDollarIsNoEnvironment", R"(it costs \$5 and \$6)", "nothing"},
        Case{"InnerEnvironmentBelongsToTheOuter", R"(\[ x = 1 \text{ if $y$} \])",
             R"(environment |  x = 1 \text{ if $y$} )"},
        Case{"LineBreakInsideADisplay", R"(\[ a \\[2pt] b \])", R"(environment |  a \\[2pt] b )"},
        Case{"ListedEnvironmentsFormAList", "$2$, $3$, and $5$", "environment | 2 ; 3 ; 5"},
        Case{"PercentBelongsToTheEnvironment", "it drops by $35$ percent", "environment | 35 %"},
        Case{"LastPlainNumber", "4 red balls and 6 blue balls, so 10 balls.", "number | 10"},
        Case{"NumberInAWordDoesNotCount", "see x2, b4 and 17 of H2O", "number | 17"},
        Case{"GroupsOfThree", "28,400.", "number | 28,400"}, Case{"GroupsByBlank", "65 432.", "number | 65 432"},
        Case{"DecimalComma", "19,5", "number | 19,5"}, Case{"LeadingPoint", "about .5", "number | .5"},
        Case{"Dots", "and so on...5", "nothing"}, Case{"UnicodeMinus", "it is \u22125", "number | \u22125"},
        Case{"Currency", "It costs \u20ac340.", "number | 340"},
        Case{"Percent", "It drops by 35 percent.", "number | 35 %"},
        Case{"Pi", "The area is 25\u03c0.", "number | 25\u03c0"},
        Case{"Arithmetic", "which is (2 + 3) * 4 now", "number | (2 + 3) * 4"},
        Case{"UnitDirectlyBehind", "so 100m2", "number | 100"}, Case{"Fraction", "so 7/16 now", "number | 7/16"},
        Case{"BareFracOutsideOfMathematics", R"(so \frac{1}{2})", R"(environment | \frac{1}{2})"},
        Case{"Nothing", "I do not know.", "nothing"}, Case{"Empty", "", "nothing"}),
    NameOf);

TEST(AnswerExtractorTest, OffersLaterLevelsAfterTheFirst) {
  EXPECT_EQ(AllOf(R"(The answer is 3. Answer: 1. Then \boxed{2}.)"),
            (std::vector<std::string>{"2", "1", "1", "3", "1", "3"}));
  EXPECT_EQ(AllOf(R"(In 4 steps $x$ is 5)"), (std::vector<std::string>{"5", "x", "4"}));
}

std::string BestChoice(const std::string& response, const ExtractionOptions& options) {
  WorkBudget budget(absl::Seconds(10));
  AnswerExtractor extractor(response, options, budget);
  const std::optional<Candidate> best = extractor.Next();
  return best ? std::string(best->found_by) + " | " + TextOf(*best) : "nothing";
}

TEST(AnswerExtractorTest, ChoicesAreFoundByAnchorsThenAtTheStartThenAnywhere) {
  ExtractionOptions options{.latex = false, .plain = false, .choices = {"A", "B", "C"}};
  EXPECT_EQ(BestChoice("The final answer is B", options), "final answer is | b");
  EXPECT_EQ(BestChoice("Answer: **C**. Not A.", options), "answer: | c");
  EXPECT_EQ(BestChoice("A. Because B is not valid", options), "start of the text | a");
  EXPECT_EQ(BestChoice("Because B is valid", options), "word | b");
  EXPECT_EQ(BestChoice("Bananas", options), "nothing");
  options.lowercase_choices = false;
  EXPECT_EQ(BestChoice("The answer is A.", options), "answer | A");
}

TEST(AnswerExtractorTest, BoxesCountAtTheirPriorityOrNotAtAll) {
  const std::string response = R"(\boxed{1} The final answer is $2$. Answer: 3.)";
  const auto best = [&](int priority) { return BestChoice(response, {.boxed_priority = priority}); };
  EXPECT_EQ(best(0), "boxed | 1");
  EXPECT_EQ(best(50), "final answer is | 2");
  EXPECT_EQ(BestChoice(R"(\boxed{1})", {.plain = false, .boxed_priority = -1}), "nothing");
}

TEST(AnswerExtractorTest, LongNumberInProseStaysWhole) {
  const std::string digits(1000, '7');
  EXPECT_EQ(BestOf("so " + digits + " it is"), "number | " + digits);
}

TEST(AnswerExtractorTest, SearchesTheEndOfAnOverlongResponse) {
  const std::string padding(limits::kResponseBytes, '.');
  EXPECT_EQ(BestOf("\\boxed{1}" + padding + "\\boxed{2}"), "boxed | 2");
  EXPECT_EQ(BestOf("\\boxed{1}" + padding), "nothing");
}

}  // namespace
}  // namespace maspo
