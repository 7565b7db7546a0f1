#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "reward_server/verification/rational.h"
#include "tests/reward_server/verification/verify_support.h"

// What must hold for every answer, tried on generated ones whose value is known.
namespace maspo {
namespace {

constexpr int kRounds = 2000;

// A number in one of its spellings.
struct Spelling {
  std::string text;
  Rational value;
};

Spelling RandomNumber(std::mt19937_64& random) {
  const long numerator = static_cast<long>(random() % 2001) - 1000;
  const long denominator = 1 + static_cast<long>(random() % 40);
  const long scale = 1 + static_cast<long>(random() % 5);
  Rational value;
  MASPO_CHECK(Divide(Rational(numerator), Rational(denominator), value) == Exactness::kExact);
  const std::string n = std::to_string(numerator * scale), d = std::to_string(denominator * scale);
  const std::string m = std::to_string(std::abs(numerator));
  switch (random() % 6) {
    case 0:
      return {"\\frac{" + n + "}{" + d + "}", value};
    case 1:
      return {n + "/" + d, value};
    case 2:
      return {std::string(numerator < 0 ? "-" : "") + "\\dfrac{" + m + "}{" + std::to_string(denominator) + "}", value};
    case 3:
      return {n, Rational(numerator * scale)};
    case 4:
      return {"\\left(" + n + "\\right) \\div " + d, value};
    default: {
      Rational sum;
      MASPO_CHECK(Add(value, Rational(1), sum) == Exactness::kExact);
      return {"1 + \\frac{" + n + "}{" + d + "}", sum};
    }
  }
}

bool IsCorrect(const std::string& gold, const std::string& answer) {
  return VerifyCalmly(gold, Boxed(answer)).verdict() == v1::VERDICT_CORRECT;
}

TEST(AnswerComparisonPropertyTest, NumbersAreEqualExactlyWhenTheirValuesAre) {
  std::mt19937_64 random(1);
  for (int i = 0; i < kRounds; ++i) {
    const Spelling a = RandomNumber(random), b = RandomNumber(random);
    EXPECT_EQ(IsCorrect(a.text, b.text), a.value == b.value) << a.text << " | " << b.text;
    EXPECT_TRUE(IsCorrect(a.text, a.value.ToString())) << a.text;
  }
}

TEST(AnswerComparisonPropertyTest, IsReflexive) {
  const std::vector<std::string> answers = {"7",
                                            "-0.5",
                                            "\\frac{1}{2}",
                                            "35\\%",
                                            "\\text{north}",
                                            "x+1",
                                            "f(x)=2x",
                                            "(1,2)",
                                            "[0,\\infty)",
                                            "\\{1,2\\}",
                                            "1,2",
                                            "\\sqrt{2}",
                                            "\\frac{1}{0}",
                                            "9^{9^{9^9}}",
                                            "x \\le 3",
                                            "\\begin{pmatrix}1\\\\2\\end{pmatrix}",
                                            "|x|",
                                            "a_{n+1}",
                                            "\\emptyset"};
  for (const std::string& answer : answers) EXPECT_TRUE(IsCorrect(answer, answer)) << answer;
}

TEST(AnswerComparisonPropertyTest, IsSymmetricWithoutEquations) {
  const std::vector<std::string> answers = {
      "7",    "7.0",   "0.07",  "7\\%",      "\\frac{7}{100}", "7.0000001", "6.9999999", "0.333333", "\\frac13",
      "1,2",  "2,1",   "(1,2)", "(2,1)",     "\\{2,1\\}",      "[1,2]",     "x",         "X",        "\\text{x}",
      "\\pi", "2\\pi", "-x",    "\\sqrt{2}", "1, 1, 2",        "\\{\\}",    "no",        "2^{-3}",   "0.125"};
  for (const std::string& a : answers) {
    for (const std::string& b : answers) EXPECT_EQ(IsCorrect(a, b), IsCorrect(b, a)) << a << " | " << b;
  }
}

TEST(AnswerComparisonPropertyTest, StyleDoesNotMatter) {
  std::mt19937_64 random(2);
  for (int i = 0; i < kRounds / 10; ++i) {
    const Spelling number = RandomNumber(random);
    const std::string& text = number.text;
    for (const std::string& styled :
         {"\\displaystyle " + text, "\\left(" + text + "\\right)", "{" + text + "}", "\\;" + text + "\\,", text + ".",
          "x = " + text, "\\$" + text, text + "\\text{ cm}", "\\mathbf{" + text + "}"}) {
      EXPECT_TRUE(IsCorrect(text, styled)) << text << " | " << styled;
      EXPECT_TRUE(IsCorrect(number.value.ToString(), styled)) << number.value.ToString() << " | " << styled;
    }
  }
}

// Coefficients of a polynomial in x and y, none of them 0.
std::vector<int> RandomCoefficients(std::mt19937_64& random) {
  std::vector<int> coefficients;
  for (int i = 0; i < 4; ++i) {
    const int magnitude = 1 + static_cast<int>(random() % 9);
    coefficients.push_back(random() % 2 == 0 ? magnitude : -magnitude);
  }
  return coefficients;
}

// a x^2 + b x y + c y + d with its terms in the given order.
std::string Polynomial(const std::vector<int>& coefficients, const std::vector<int>& order) {
  static const std::vector<std::string> kPowers = {"x^2", "xy", "y", ""};
  std::string text;
  for (const int i : order) {
    if (!text.empty() && coefficients[i] > 0) text += "+";
    text += std::to_string(coefficients[i]) + kPowers[i];
  }
  return text;
}

std::string Signed(int value) { return (value > 0 ? "+" : "") + std::to_string(value); }

TEST(AnswerComparisonPropertyTest, CommutingAndFactoringDoNotMatter) {
  std::mt19937_64 random(3);
  for (int i = 0; i < kRounds / 20; ++i) {
    const std::vector<int> c = RandomCoefficients(random);
    std::vector<int> order = {0, 1, 2, 3};
    const std::string polynomial = Polynomial(c, order);
    std::shuffle(order.begin(), order.end(), random);
    EXPECT_TRUE(IsCorrect(polynomial, Polynomial(c, order))) << polynomial;
    const std::string factored =
        "x(" + std::to_string(c[0]) + "x" + Signed(c[1]) + "y)" + Signed(c[2]) + "y" + Signed(c[3]);
    EXPECT_TRUE(IsCorrect(polynomial, factored)) << polynomial << " | " << factored;
  }
}

TEST(AnswerComparisonPropertyTest, DifferentPolynomialsAreNeverEqual) {
  std::mt19937_64 random(4);
  const std::vector<int> order = {0, 1, 2, 3};
  for (int i = 0; i < kRounds / 20; ++i) {
    const std::vector<int> a = RandomCoefficients(random), b = RandomCoefficients(random);
    EXPECT_EQ(IsCorrect(Polynomial(a, order), Polynomial(b, order)), a == b);
  }
}

TEST(AnswerComparisonPropertyTest, ScalingAnEquationDoesNotMatter) {
  std::mt19937_64 random(5);
  const std::vector<int> order = {0, 1, 2, 3};
  for (int i = 0; i < kRounds / 20; ++i) {
    const std::vector<int> c = RandomCoefficients(random);
    const int factor = 2 + static_cast<int>(random() % 7);
    std::vector<int> scaled = c, other = c;
    for (int& coefficient : scaled) coefficient *= -factor;
    other[0] += 1;
    if (other[0] == 0) other[0] = 1;
    const std::string equation = Polynomial(c, order) + "=0";
    EXPECT_TRUE(IsCorrect(equation, Polynomial(scaled, order) + "=0")) << equation;
    EXPECT_TRUE(IsCorrect(equation, "0=" + Polynomial(c, order))) << equation;
    EXPECT_FALSE(IsCorrect(equation, Polynomial(other, order) + "=0")) << equation;
  }
}

TEST(AnswerComparisonPropertyTest, InequalityKeepsItsDirectionUnderPositiveFactorsOnly) {
  EXPECT_TRUE(IsCorrect("2x<8", "x<4"));
  EXPECT_TRUE(IsCorrect("-x<5", "x>-5"));
  EXPECT_FALSE(IsCorrect("2x<8", "x>4"));
  EXPECT_FALSE(IsCorrect("-x<5", "x<-5"));
  EXPECT_TRUE(IsCorrect("a<b<c", "c>b>a"));
}

TEST(AnswerComparisonPropertyTest, SetsOfRealsAreComparedByTheirMembers) {
  EXPECT_TRUE(IsCorrect("[0,1]\\cup[1,3]", "[0,3]"));
  EXPECT_FALSE(IsCorrect("[0,1)\\cup(1,3]", "[0,3]"));
  EXPECT_TRUE(IsCorrect("x^2<4", "(-2,2)"));
  EXPECT_FALSE(IsCorrect("x^2<4", "(-3,3)"));
  EXPECT_TRUE(IsCorrect("\\mathbb{R}\\setminus\\{0\\}", "(-\\infty,0)\\cup(0,\\infty)"));
  EXPECT_FALSE(IsCorrect("\\mathbb{R}\\setminus\\{0\\}", "(-\\infty,\\infty)"));
  EXPECT_TRUE(IsCorrect("\\{x \\mid x>1\\}", "(1,\\infty)"));
}

TEST(AnswerComparisonPropertyTest, ValuesThatDifferByAHairDiffer) {
  EXPECT_FALSE(IsCorrect("\\sqrt{2}+10^{200}", "\\sqrt{2}+10^{200}+1"));
  EXPECT_FALSE(IsCorrect("x+10^{200}", "x+10^{200}+1"));
  EXPECT_FALSE(IsCorrect("2^{-120}", "2^{-121}"));
  EXPECT_FALSE(IsCorrect("\\sqrt{2}", "\\sqrt{2}+10^{-40}"));
  EXPECT_TRUE(IsCorrect("\\sqrt{7-4\\sqrt{3}}", "2-\\sqrt{3}"));
  EXPECT_FALSE(IsCorrect("e^{\\pi\\sqrt{163}}", "262537412640768744"));
}

}  // namespace
}  // namespace maspo
