#include "reward_server/verification/answer_parser.h"

#include <gtest/gtest.h>

#include <string>

#include "reward_server/limits.h"
#include "reward_server/normalization/latex_normalizer.h"

namespace maspo {
namespace {

using Kind = Expression::Kind;

absl::StatusOr<Expression> Parse(const std::string& text, const Grammar::Options& options = {}) {
  WorkBudget budget(absl::Seconds(10));
  return ParseAnswer(NormalizeLatex(text), options, budget);
}

std::string NameOf(const Expression& e) {
  switch (e.kind) {
    case Kind::kNegate:
      return "-";
    case Kind::kSum:
      return "+";
    case Kind::kProduct:
      return "*";
    case Kind::kQuotient:
      return "/";
    case Kind::kPower:
      return "^";
    case Kind::kPercent:
      return "%";
    case Kind::kChain:
      return "chain";
    case Kind::kList:
      return "list";
    case Kind::kSet:
      return "set";
    case Kind::kUnion:
      return "cup";
    case Kind::kIntersection:
      return "cap";
    case Kind::kDifference:
      return "setminus";
    case Kind::kSetBuilder:
      return "where";
    case Kind::kMatrix:
      return "matrix" + std::to_string(e.columns);
    default:
      return e.text;
  }
}

// A tree as an S-expression: "(+ 1 (/ x 3))".
std::string Show(const Expression& e) {
  if (e.Is(Kind::kNumber)) return e.value.ToString() + (e.is_decimal ? "d" : "");
  if (e.Is(Kind::kSymbol) || e.Is(Kind::kConstant) || e.Is(Kind::kNamedSet)) return e.text;
  std::string shown = "(" + NameOf(e);
  for (const Expression& part : e.parts) shown.append(" ").append(Show(part));
  return shown + ")";
}

std::string Shown(const absl::StatusOr<Expression>& e) {
  return e.ok() ? Show(*e) : std::string(absl::StatusCodeToString(e.status().code()));
}

std::string TreeOf(const std::string& text) { return Shown(Parse(text)); }

std::string PlainTreeOf(const std::string& text) {
  WorkBudget budget(absl::Seconds(10));
  return Shown(ParsePlain(text, budget));
}

TEST(AnswerParserTest, ReadsNumbers) {
  EXPECT_EQ(TreeOf("0012"), "12");
  EXPECT_EQ(TreeOf("-17"), "-17");
  EXPECT_EQ(TreeOf("+8"), "8");
  EXPECT_EQ(TreeOf("3.250"), "13/4d");
  EXPECT_EQ(TreeOf(".125"), "1/8d");
  EXPECT_EQ(TreeOf("1.2E5"), "120000d");
  EXPECT_EQ(TreeOf("\u22125"), "-5");
}

TEST(AnswerParserTest, ReadsGroupsOfThreeDigits) {
  for (const char* text : {"1,234,567", "1{,}234{,}567", R"(1,\!234,\!567)", R"(1\,234\,567)", "1 234 567"}) {
    EXPECT_EQ(TreeOf(text), "1234567") << text;
  }
  EXPECT_EQ(TreeOf("1,234.5"), "2469/2d");
  EXPECT_EQ(TreeOf("0,125"), "1/8d");
  EXPECT_EQ(TreeOf("12,34"), "(list 12 34)");
  EXPECT_EQ(TreeOf("1, 234"), "(list 1 234)");
}

TEST(AnswerParserTest, CommaBetweenBracketsSeparates) {
  EXPECT_EQ(TreeOf("(3,105)"), "(() 3 105)");
  EXPECT_EQ(TreeOf(R"(\{100,200\})"), "(set 100 200)");
  EXPECT_EQ(TreeOf("(3{,}105,2)"), "(() 3105 2)");
}

TEST(AnswerParserTest, CommaBetweenDigitsOfProseIsDecimal) {
  EXPECT_EQ(PlainTreeOf("19,5"), "39/2d");
  EXPECT_EQ(PlainTreeOf("12,345"), "12345");
  EXPECT_EQ(PlainTreeOf("2 * 3."), "(* 2 3)");
  EXPECT_EQ(TreeOf("19,5"), "(list 19 5)");
}

TEST(AnswerParserTest, ReadsRepeatingDecimalsExactly) {
  EXPECT_EQ(TreeOf(R"(0.\overline{3})"), "1/3");
  EXPECT_EQ(TreeOf(R"(0.1\overline{6})"), "1/6");
  EXPECT_EQ(TreeOf(R"(2.\overline{27})"), "25/11");
}

TEST(AnswerParserTest, ReadsFractionsOfEverySpelling) {
  for (const char* text : {R"(\frac{7}{9})", R"(\dfrac{7}{9})", R"(\tfrac{7}{9})", R"(\frac79)", R"(\frac7{9})",
                           R"(\frac{7}9)", R"(\frac 7 9)", "7/9", "7:9", R"(\\frac{7}{9})", R"(7 \div 9)"}) {
    EXPECT_EQ(TreeOf(text), "7/9") << text;
  }
  EXPECT_EQ(TreeOf(R"(\frac{x}{3})"), "(/ x 3)");
  EXPECT_EQ(TreeOf(R"(\frac123)"), "1/23");
}

TEST(AnswerParserTest, RepairsCanBeOff) {
  EXPECT_FALSE(Parse(R"(\frac12)", {.repair_malformed = false}).ok());
  EXPECT_FALSE(Parse(R"(\sqrt7)", {.repair_malformed = false}).ok());
  EXPECT_TRUE(Parse(R"(\frac{1}{2})", {.repair_malformed = false}).ok());
}

TEST(AnswerParserTest, IntegerBeforeNumericFractionIsMixedNumber) {
  EXPECT_EQ(TreeOf(R"(2\frac{1}{4})"), "9/4");
  EXPECT_EQ(TreeOf(R"(-1\frac{2}{3})"), "-5/3");
  EXPECT_EQ(TreeOf(R"(2\frac{x}{4})"), "(* 2 (/ x 4))");
}

TEST(AnswerParserTest, OperatorsBindAsInTheReference) {
  EXPECT_EQ(TreeOf("1+2*3-4"), "(+ 1 (* 2 3) -4)");
  EXPECT_EQ(TreeOf("1/2x"), "(/ 1 (* 2 x))");
  EXPECT_EQ(TreeOf(R"(6/2\cdot x)"), "(* 3 x)");
  EXPECT_EQ(TreeOf("a/b/c"), "(/ (/ a b) c)");
  EXPECT_EQ(TreeOf("-3^2"), "(- (^ 3 2))");
  EXPECT_EQ(TreeOf("(-3)^2"), "(^ -3 2)");
  EXPECT_EQ(TreeOf("2^{-3}"), "(^ 2 -3)");
  EXPECT_EQ(TreeOf("x^(12)"), "(^ x 12)");
  EXPECT_EQ(TreeOf("2x^2"), "(* 2 (^ x 2))");
  EXPECT_EQ(TreeOf(R"(5\times10^8)"), "(* 5 (^ 10 8))");
}

TEST(AnswerParserTest, FunctionsTakeTheProductUpToTheNext) {
  EXPECT_EQ(TreeOf(R"(\sin 2x)"), "(sin (* 2 x))");
  EXPECT_EQ(TreeOf(R"(2\sin x\cos x)"), "(* 2 (sin x) (cos x))");
  EXPECT_EQ(TreeOf(R"(\sin(2)x)"), "(* (sin 2) x)");
  EXPECT_EQ(TreeOf(R"(\sin^2 x)"), "(^ (sin x) 2)");
  EXPECT_EQ(TreeOf(R"(\sin^{-1} x)"), "(arcsin x)");
  EXPECT_EQ(TreeOf(R"(\log_2 8)"), "(log 8 2)");
  EXPECT_EQ(TreeOf(R"(\log 8)"), "(log 8 10)");
  EXPECT_EQ(TreeOf(R"(\ln 8)"), "(log 8 e)");
  EXPECT_EQ(TreeOf(R"(\gcd(18,24))"), "(gcd 18 24)");
  EXPECT_EQ(TreeOf("f(x)"), "(f() x)");
  EXPECT_EQ(TreeOf("n(n+1)"), "(* n (+ n 1))");
}

TEST(AnswerParserTest, DegreesConvertInFunctionsOnly) {
  EXPECT_EQ(TreeOf(R"(60^\circ)"), "60");
  EXPECT_EQ(TreeOf(R"(\sin 30^\circ)"), "(sin (* 30 (/ pi 180)))");
}

TEST(AnswerParserTest, IgnoresStyle) {
  for (const char* text :
       {R"(\left(\frac{3}{4}\right))", R"(\displaystyle \frac{3}{4})", R"({\frac{3}{4}})", R"(\frac{3}{4}.)",
        R"(\;\frac{3}{4}\,)", R"($\frac{3}{4}$)", R"(\$\frac{3}{4})", R"(\mathbf{\frac{3}{4}})",
        R"(\frac{\text{3}}{\mathrm{4}})", R"(\frac{3}{4}^\circ)", R"(\frac{3}{4}^{\circ})"}) {
    EXPECT_EQ(TreeOf(text), "3/4") << text;
  }
}

TEST(AnswerParserTest, DropsUnitsButNoVariables) {
  for (const char* text : {R"(12\text{ cm})", R"(12\text{ cm}^2)", R"(12\,\mathrm{m})", R"(12\mbox{ inches})", "12 cm",
                           "12 square feet", R"(12\text{ km/h})", "12 km/hour", R"(12\textbf{ units})", "12 dollars"}) {
    EXPECT_EQ(TreeOf(text), "12") << text;
  }
  EXPECT_EQ(TreeOf("12t"), "(* 12 t)");
  EXPECT_EQ(TreeOf("12ab"), "(* 12 a b)");
  EXPECT_EQ(TreeOf(R"(3\text{ cm}, 4\text{ cm})"), "(list 3 4)");
}

TEST(AnswerParserTest, ReadsWordsAsOneSymbol) {
  for (const char* text : {R"(\text{No Solution})", R"(\mathrm{NoSolution})"})
    EXPECT_EQ(TreeOf(text), "nosolution") << text;
  EXPECT_EQ(TreeOf(R"(\text{(B)})"), "b");
  EXPECT_EQ(TreeOf("(B)"), "b");
  EXPECT_EQ(TreeOf(R"(\text{東})"), "東");
}

TEST(AnswerParserTest, ReadsSubscriptsAsPartOfTheName) {
  EXPECT_EQ(TreeOf("a_n"), "a_n");
  EXPECT_EQ(TreeOf("a_{10}"), "a_10");
  EXPECT_NE(TreeOf("a_{n+1}"), TreeOf("a_{n-1}"));
  EXPECT_EQ(TreeOf("1011_2"), "1011");
  EXPECT_EQ(TreeOf("1011_{2}"), "1011");
}

TEST(AnswerParserTest, ReadsRelations) {
  EXPECT_EQ(TreeOf("x=14"), "(= x 14)");
  EXPECT_EQ(TreeOf("x = 2 + 3 = 5"), "(chain (= x (+ 2 3)) (= (+ 2 3) 5))");
  EXPECT_EQ(TreeOf("= 5"), "5");
  EXPECT_EQ(TreeOf(R"(x \approx 7)"), "7");
  EXPECT_EQ(TreeOf(R"(\sqrt{2} \approx 1.41)"), "(root 2 2)");
  EXPECT_EQ(TreeOf("(x,y)=(2,-9)"), "(= (() x y) (() 2 -9))");
  EXPECT_EQ(TreeOf("x=1, y=2"), "(list (= x 1) (= y 2))");
  EXPECT_EQ(TreeOf("x=1,2,3"), "(= x (list 1 2 3))");
  EXPECT_EQ(TreeOf(R"(1 < x \le 6)"), "(chain (< 1 x) (<= x 6))");
  EXPECT_EQ(TreeOf(R"(x \in [0,4])"), "(= x ([] 0 4))");
}

TEST(AnswerParserTest, ReadsListsSetsAndIntervals) {
  EXPECT_EQ(TreeOf("1,-2"), "(list 1 -2)");
  EXPECT_EQ(TreeOf(R"(1, 2, \text{ and } 3)"), "(list 1 2 3)");
  EXPECT_EQ(TreeOf("3 or 4"), "(list 3 4)");
  EXPECT_EQ(TreeOf("2;7"), "(list 2 7)");
  EXPECT_EQ(TreeOf("1,2;3,4"), "(list (() 1 2) (() 3 4))");
  EXPECT_EQ(TreeOf(R"(\{1,\frac12\})"), "(set 1 1/2)");
  EXPECT_EQ(TreeOf(R"(\{\})"), "(set)");
  EXPECT_EQ(TreeOf(R"(\emptyset)"), "(set)");
  EXPECT_EQ(TreeOf(R"([2,\infty))"), "([) 2 infinity)");
  EXPECT_EQ(TreeOf("(1,5),(5,1)"), "(list (() 1 5) (() 5 1))");
  EXPECT_EQ(TreeOf(R"((-\infty,0)\cup(1,2))"), "(cup (() (- infinity) 0) (() 1 2))");
  EXPECT_EQ(TreeOf(R"(\mathbb{R}\setminus\{0\})"), "(setminus R (set 0))");
  EXPECT_EQ(TreeOf(R"(\{x \mid x>1\})"), "(where (> x 1))");
  EXPECT_EQ(TreeOf(R"(\{x : x>1\})"), "(where (> x 1))");
}

TEST(AnswerParserTest, PlusMinusMakesTwoValuesWhereverItStands) {
  EXPECT_EQ(TreeOf(R"(\pm 6)"), "(list 6 -6)");
  EXPECT_EQ(TreeOf(R"(\frac{3\pm x}{2})"), "(list (/ (+ 3 x) 2) (/ (+ 3 (- x)) 2))");
  EXPECT_EQ(TreeOf(R"(\{1\pm x\})"), "(set (+ 1 x) (+ 1 (- x)))");
}

TEST(AnswerParserTest, ReadsSeriesIntegralsAndLimits) {
  EXPECT_EQ(TreeOf(R"(\sum_{k=1}^{4} k^2)"), "(sum k 1 4 (^ k 2))");
  EXPECT_EQ(TreeOf(R"(\int_0^1 2x\,dx)"), "(int x 0 1 (* 2 x))");
  EXPECT_EQ(TreeOf(R"(\lim_{x\to 0^+} x)"), "(lim+ x 0 x)");
  EXPECT_EQ(TreeOf(R"(\frac{d}{dx} x)"), "(diff x x)");
}

TEST(AnswerParserTest, ReadsMatrices) {
  EXPECT_EQ(TreeOf(R"(\begin{pmatrix}1&-2\\0&5\end{pmatrix})"), "(matrix2 1 -2 0 5)");
  EXPECT_EQ(TreeOf(R"(\left[\begin{array}{cc}1&2\\3&4\end{array}\right])"), "(matrix2 1 2 3 4)");
  EXPECT_EQ(TreeOf(R"(\begin{pmatrix}1&2\\3\end{pmatrix})"), "INVALID_ARGUMENT");
}

TEST(AnswerParserTest, RefusesWhatIsUnreadable) {
  for (const char* text :
       {"", "?", "...", "{", R"(\frac{1}{)", "}{", R"(\frac)", R"(\sqrt{)", "1,", "2 3", "(1", "x^"}) {
    EXPECT_EQ(TreeOf(text), "INVALID_ARGUMENT") << text;
  }
}

TEST(AnswerParserTest, ChainThatIsUnreadableHasItsLastSide) { EXPECT_EQ(TreeOf(R"(1 = \zzz = x = 0)"), "0"); }

TEST(AnswerParserTest, RefusesWhatIsTooLarge) {
  const auto times = [](int count, const std::string& piece) {
    std::string text;
    for (int i = 0; i < count; ++i) text += piece;
    return text;
  };
  EXPECT_EQ(TreeOf(std::string(limits::kAnswerBytes + 1, '1')), "RESOURCE_EXHAUSTED");
  EXPECT_EQ(TreeOf(std::string(limits::kTokens + 1, '+')), "RESOURCE_EXHAUSTED");
  EXPECT_EQ(TreeOf(times(limits::kNesting + 1, "(") + "1" + times(limits::kNesting + 1, ")")), "RESOURCE_EXHAUSTED");
  EXPECT_EQ(TreeOf("1" + times(limits::kItems, ", 1")), "RESOURCE_EXHAUSTED");
  EXPECT_EQ(TreeOf("2" + times(limits::kChained, "^2") + "^2"), "RESOURCE_EXHAUSTED");
}

TEST(AnswerParserTest, StopsWhenTheBudgetIsSpent) {
  WorkBudget budget(-absl::Seconds(1));
  std::string sum = "1";
  for (int i = 0; i < 1000; ++i) sum += "+1";
  EXPECT_TRUE(absl::IsDeadlineExceeded(ParseAnswer(sum, {}, budget).status()));
}

}  // namespace
}  // namespace maspo
