#include "reward_server/verification/answer_parser.h"

#include <gtest/gtest.h>

#include <string>

#include "reward_server/limits.h"

namespace maspo {
namespace {

using Kind = Expression::Kind;

absl::StatusOr<ParsedAnswer> Parse(const std::string& text, Notation notation = Notation::kLatex) {
  WorkBudget budget(absl::Seconds(10));
  return ParseAnswer(text, notation, budget);
}

// A tree as an S-expression: "(+ 1 (/ 2 3))".
std::string Show(const Expression& e) {
  static constexpr const char* kNames[] = {"",  "",  "-",     "+",   "*",    "/",      "^",
                                           "%", "=", "tuple", "set", "list", "formula"};
  if (e.kind == Kind::kNumber) return e.value.get_str() + (e.is_decimal ? "d" : "");
  if (e.kind == Kind::kSymbol) return e.text;
  std::string shown = std::string("(") + kNames[static_cast<int>(e.kind)];
  if (!e.text.empty()) shown.append(" '").append(e.text).append("'");
  for (const Expression& part : e.parts) shown.append(" ").append(Show(part));
  return shown + ")";
}

std::string TreeOf(const std::string& text, Notation notation = Notation::kLatex) {
  const absl::StatusOr<ParsedAnswer> answer = Parse(text, notation);
  return answer.ok() ? Show(answer->tree) : std::string(absl::StatusCodeToString(answer.status().code()));
}

TEST(AnswerParserTest, ReadsNumbers) {
  EXPECT_EQ(TreeOf("0012"), "12");
  EXPECT_EQ(TreeOf("-17"), "(- 17)");
  EXPECT_EQ(TreeOf("+8"), "8");
  EXPECT_EQ(TreeOf("3.250"), "13/4d");
  EXPECT_EQ(TreeOf(".125"), "1/8d");
  EXPECT_EQ(TreeOf("\u22125"), "(- 5)");
}

TEST(AnswerParserTest, ReadsGroupsOfThreeDigits) {
  for (const char* text : {"1,234,567", "1{,}234{,}567", R"(1,\!234,\!567)", R"(1\,234\,567)", "1 234 567"}) {
    EXPECT_EQ(TreeOf(text), "1234567") << text;
  }
  EXPECT_EQ(TreeOf("1,234.5"), "2469/2d");
  EXPECT_EQ(TreeOf("12,34"), "(list 12 34)");
  EXPECT_EQ(TreeOf("0,123"), "(list 0 123)");
  EXPECT_EQ(TreeOf("1, 234"), "(list 1 234)");
}

TEST(AnswerParserTest, CommaBetweenBracketsSeparates) {
  EXPECT_EQ(TreeOf("(3,105)"), "(tuple '()' 3 105)");
  EXPECT_EQ(TreeOf(R"(\{100,200\})"), "(set 100 200)");
  EXPECT_EQ(TreeOf("(3{,}105,2)"), "(tuple '()' 3105 2)");
  EXPECT_EQ(TreeOf(R"(\frac{1,000}{3})"), "(/ 1000 3)");
}

TEST(AnswerParserTest, CommaBetweenDigitsOfProseIsDecimal) {
  EXPECT_EQ(TreeOf("19,5", Notation::kPlain), "39/2d");
  EXPECT_EQ(TreeOf("12,345", Notation::kPlain), "12345");
  EXPECT_EQ(TreeOf("19,5", Notation::kLatex), "(list 19 5)");
}

TEST(AnswerParserTest, ReadsFractionsOfEverySpelling) {
  for (const char* text : {R"(\frac{7}{9})", R"(\dfrac{7}{9})", R"(\tfrac{7}{9})", R"(\frac79)", R"(\frac7{9})",
                           R"(\frac{7}9)", R"(\frac 7 9)", "7/9", "7:9", R"(\\frac{7}{9})", R"(7 \div 9)"}) {
    EXPECT_EQ(TreeOf(text), "(/ 7 9)") << text;
  }
  EXPECT_EQ(TreeOf(R"(\frac{\frac{1}{2}}{3})"), "(/ 1 2 3)");
}

TEST(AnswerParserTest, IntegerBeforeNumericFractionIsMixedNumber) {
  EXPECT_EQ(TreeOf(R"(2\frac{1}{4})"), "(+ 2 (/ 1 4))");
  EXPECT_EQ(TreeOf(R"(-1\frac{2}{3})"), "(- (+ 1 (/ 2 3)))");
  EXPECT_EQ(TreeOf(R"(2\frac{x}{4})"), "(* 2 (/ x 4))");
  EXPECT_EQ(TreeOf(R"(0.5\frac{1}{4})"), "(* 1/2d (/ 1 4))");
}

TEST(AnswerParserTest, OperatorsBindAsInTheReference) {
  EXPECT_EQ(TreeOf("1+2*3-4"), "(+ 1 (* 2 3) (- 4))");
  EXPECT_EQ(TreeOf("1/2x"), "(/ 1 (* 2 x))");
  EXPECT_EQ(TreeOf(R"(6/2\cdot 3)"), "(* (/ 6 2) 3)");
  EXPECT_EQ(TreeOf("8/4/2"), "(/ 8 4 2)");
  EXPECT_EQ(TreeOf("-3^2"), "(- (^ 3 2))");
  EXPECT_EQ(TreeOf("(-3)^2"), "(^ (- 3) 2)");
  EXPECT_EQ(TreeOf("2^{-3}"), "(^ 2 (- 3))");
  EXPECT_EQ(TreeOf("x^(12)"), "(^ x 12)");
  EXPECT_EQ(TreeOf("2x^2"), "(* 2 (^ x 2))");
  EXPECT_EQ(TreeOf(R"(5\times10^8)"), "(* 5 (^ 10 8))");
}

TEST(AnswerParserTest, IgnoresStyle) {
  for (const char* text : {R"(\left(\frac{3}{4}\right))", R"(\displaystyle \frac{3}{4})", R"({\frac{3}{4}})",
                           R"(\boxed{\frac{3}{4}})", R"(\frac{3}{4}.)", R"(\;\frac{3}{4}\,)", R"($\frac{3}{4}$)",
                           R"(\$\frac{3}{4})", R"(\mathbf{\frac{3}{4}})", R"(\text{$\frac{3}{4}$})",
                           R"(\frac{\text{3}}{\mathrm{4}})", R"(\frac{3}{4}^\circ)", R"(\frac{3}{4}^{\circ})"}) {
    EXPECT_EQ(TreeOf(text), "(/ 3 4)") << text;
  }
}

TEST(AnswerParserTest, DropsUnitsButNoVariables) {
  for (const char* text : {R"(12\text{ cm})", R"(12\text{ cm}^2)", R"(12\,\mathrm{m})", R"(12\mbox{ inches})", "12 cm",
                           "12 square feet", R"(12\text{ km/h})", "12 km/hour", R"(12\textbf{ units})", "12 dollars"}) {
    EXPECT_EQ(TreeOf(text), "12") << text;
  }
  EXPECT_EQ(TreeOf("12t"), "(* 12 t)");
  EXPECT_EQ(TreeOf("12ab"), "(* 12 ab)");
}

TEST(AnswerParserTest, ReadsWordsAsOneSymbol) {
  for (const char* text :
       {R"(\text{No Solution})", "no solution", R"(\textbf{No} solution)", R"(\mathrm{NoSolution})"}) {
    EXPECT_EQ(TreeOf(text), "nosolution") << text;
  }
  EXPECT_EQ(TreeOf(R"(\text{five or six})"), "(list five six)");
  EXPECT_EQ(TreeOf(R"(\text{(B)})"), "b");
  EXPECT_EQ(TreeOf("(B)"), "b");
  EXPECT_EQ(TreeOf(R"(\text{東})"), "東");
}

TEST(AnswerParserTest, ReadsSubscripts) {
  EXPECT_EQ(TreeOf("a_n"), "a_n");
  EXPECT_EQ(TreeOf("a_{10}"), "a_10");
  EXPECT_EQ(TreeOf("1011_2"), "1011");
  EXPECT_EQ(TreeOf("1011_{2}"), "1011");
}

TEST(AnswerParserTest, ReadsEquations) {
  EXPECT_EQ(TreeOf("x=14"), "(= x 14)");
  EXPECT_EQ(TreeOf(R"(x = \frac{10}{2} = 5)"), "(= x 5)");
  EXPECT_EQ(TreeOf("= 5"), "5");
  EXPECT_EQ(TreeOf("(x,y)=(2,-9)"), "(= (tuple '()' x y) (tuple '()' 2 (- 9)))");
  EXPECT_EQ(TreeOf("f(x)=3"), "(= (* f x) 3)");
  EXPECT_EQ(TreeOf("x=1, y=2"), "(list (= x 1) (= y 2))");
}

TEST(AnswerParserTest, ReadsListsSetsAndIntervals) {
  EXPECT_EQ(TreeOf("1,-2"), "(list 1 (- 2))");
  EXPECT_EQ(TreeOf(R"(1, 2, \text{ and } 3)"), "(list 1 2 3)");
  EXPECT_EQ(TreeOf("3 or 4"), "(list 3 4)");
  EXPECT_EQ(TreeOf("2;7"), "(list 2 7)");
  EXPECT_EQ(TreeOf(R"(\{1,\frac12\})"), "(set 1 (/ 1 2))");
  EXPECT_EQ(TreeOf(R"(\{\})"), "(set)");
  EXPECT_EQ(TreeOf(R"(\emptyset)"), "(set)");
  EXPECT_EQ(TreeOf(R"([2,\infty))"), R"((tuple '[)' 2 \infty))");
  EXPECT_EQ(TreeOf("(1,5),(5,1)"), "(list (tuple '()' 1 5) (tuple '()' 5 1))");
}

TEST(AnswerParserTest, ReadsPercent) {
  EXPECT_EQ(TreeOf(R"(35\%)"), "(% 35)");
  EXPECT_EQ(TreeOf("12.5%"), "(% 25/2d)");
  EXPECT_EQ(TreeOf("35 percent", Notation::kPlain), "(% 35)");
  EXPECT_EQ(TreeOf(R"(35\text{ percent})"), "(% 35)");
}

TEST(AnswerParserTest, KeepsMathematicsBeyondTheGrammarAsFormula) {
  EXPECT_EQ(TreeOf(R"(\sqrt{53})"), R"((formula '\sqrt 53'))");
  EXPECT_EQ(TreeOf(R"(x \le 3)"), R"((formula 'x \le 3'))");
  EXPECT_EQ(Parse(R"(\sqrt{53})")->canonical, Parse(R"(\left. \sqrt 53\right.)")->canonical);
  EXPECT_NE(Parse(R"(\sqrt{3}2)")->canonical, Parse(R"(\sqrt{32})")->canonical);
}

TEST(AnswerParserTest, RefusesWhatIsUnreadable) {
  for (const char* text : {"", "?", "...", "{", R"(\frac{1}{)", "}{", R"(\frac)", R"(\sqrt{)", R"(\text{?})"}) {
    EXPECT_EQ(TreeOf(text), "INVALID_ARGUMENT") << text;
  }
}

TEST(AnswerParserTest, RefusesWhatIsTooLarge) {
  EXPECT_EQ(TreeOf(std::string(limits::kAnswerBytes + 1, '1')), "RESOURCE_EXHAUSTED");
  EXPECT_EQ(TreeOf(std::string(limits::kTokens + 1, '+')), "RESOURCE_EXHAUSTED");
  EXPECT_EQ(TreeOf(std::string(limits::kNesting + 1, '(') + "1" + std::string(limits::kNesting + 1, ')')),
            "RESOURCE_EXHAUSTED");
  std::string list = "1";
  for (int i = 0; i < limits::kItems; ++i) list += ", 1";
  EXPECT_EQ(TreeOf(list), "RESOURCE_EXHAUSTED");
}

TEST(AnswerParserTest, StopsWhenTheBudgetIsSpent) {
  WorkBudget budget(-absl::Seconds(1));
  std::string sum = "1";
  for (int i = 0; i < 1000; ++i) sum += "+1";
  EXPECT_TRUE(absl::IsDeadlineExceeded(ParseAnswer(sum, Notation::kLatex, budget).status()));
}

}  // namespace
}  // namespace maspo
