#include "reward_server/verification/rational.h"

#include <gtest/gtest.h>

#include <string>

#include "reward_server/limits.h"

namespace maspo {
namespace {

Rational Fraction(int numerator, int denominator) {
  Rational value(numerator, denominator);
  value.canonicalize();
  return value;
}

TEST(RationalTest, ReadsDecimalsExactly) {
  EXPECT_EQ(*ParseDecimal("12"), 12);
  EXPECT_EQ(*ParseDecimal("0012"), 12);
  EXPECT_EQ(*ParseDecimal("0.50"), Fraction(1, 2));
  EXPECT_EQ(*ParseDecimal(".125"), Fraction(1, 8));
  EXPECT_EQ(*ParseDecimal("3."), 3);
  EXPECT_EQ(*ParseDecimal("123456789012345678901234567890"), Rational("123456789012345678901234567890"));
}

TEST(RationalTest, RefusesWhatIsNoDecimal) {
  for (const char* text : {"", ".", "1.2.3", "-1", "1e5", "a"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParseDecimal(text).status())) << text;
  }
}

TEST(RationalTest, RefusesDivisionByZero) {
  EXPECT_TRUE(absl::IsOutOfRange(Divide(1, 0).status()));
  EXPECT_TRUE(absl::IsOutOfRange(Power(0, -1).status()));
}

TEST(RationalTest, PowersAreExact) {
  EXPECT_EQ(*Power(2, 10), 1024);
  EXPECT_EQ(*Power(Fraction(-2, 3), 3), Fraction(-8, 27));
  EXPECT_EQ(*Power(Fraction(-2, 3), -3), Fraction(-27, 8));
  EXPECT_EQ(*Power(-1, mpz_class("100000000000000000001")), -1);
  EXPECT_EQ(*Power(1, mpz_class("100000000000000000001")), 1);
  EXPECT_EQ(*Power(0, mpz_class("100000000000000000001")), 0);
}

TEST(RationalTest, RefusesNumbersBeyondTheLimit) {
  EXPECT_TRUE(absl::IsResourceExhausted(Power(9, mpz_class("387420489")).status()));
  EXPECT_TRUE(absl::IsResourceExhausted(Power(9, mpz_class("-100000000000000000001")).status()));
  EXPECT_TRUE(absl::IsResourceExhausted(ParseDecimal(std::string(1000000, '7')).status()));
  const Rational large = *Power(2, static_cast<unsigned>(limits::kIntegerBits / 2));
  EXPECT_TRUE(absl::IsResourceExhausted(Multiply(large, large).status()));
  EXPECT_TRUE(absl::IsResourceExhausted(Add(large, large).status()));
  EXPECT_TRUE(absl::IsResourceExhausted(Divide(large, large).status()));
}

TEST(RationalTest, RoundsToPlacesWithTiesToEven) {
  EXPECT_EQ(RoundToPlaces(Fraction(1, 3), 6), *ParseDecimal("0.333333"));
  EXPECT_EQ(RoundToPlaces(Fraction(2, 3), 6), *ParseDecimal("0.666667"));
  EXPECT_EQ(RoundToPlaces(Fraction(-2, 3), 1), Rational(-*ParseDecimal("0.7")));
  EXPECT_EQ(RoundToPlaces(Fraction(1, 2), 0), 0);
  EXPECT_EQ(RoundToPlaces(Fraction(3, 2), 0), 2);
  EXPECT_EQ(RoundToPlaces(Fraction(-1, 2), 0), 0);
  EXPECT_EQ(RoundToPlaces(Fraction(-3, 2), 0), -2);
  EXPECT_EQ(RoundToPlaces(7, 6), 7);
}

}  // namespace
}  // namespace maspo
