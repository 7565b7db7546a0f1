#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

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
  Rational value(numerator, denominator);
  value.canonicalize();
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
      Rational sum = value + 1;
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
    EXPECT_TRUE(IsCorrect(a.text, a.value.get_str())) << a.text;
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
      EXPECT_TRUE(IsCorrect(number.value.get_str(), styled)) << number.value << " | " << styled;
    }
  }
}

}  // namespace
}  // namespace maspo
