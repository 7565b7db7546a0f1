#include "reward_server/verification/rational.h"

#include <gtest/gtest.h>

#include <string>

#include "reward_server/limits.h"

namespace maspo {
namespace {

std::string Decimal(std::string_view digits) {
  Rational value;
  switch (ParseDecimal(digits, value)) {
    case Exactness::kExact:
      return value.ToString();
    case Exactness::kTooLarge:
      return "too large";
    default:
      return "none";
  }
}

std::string PowerOf(const Rational& base, const Rational& exponent) {
  Rational value;
  switch (Power(base, exponent, value)) {
    case Exactness::kExact:
      return value.ToString();
    case Exactness::kTooLarge:
      return "too large";
    default:
      return "none";
  }
}

TEST(RationalTest, ReadsDecimalsExactly) {
  EXPECT_EQ(Decimal("12"), "12");
  EXPECT_EQ(Decimal("0012"), "12");
  EXPECT_EQ(Decimal("0.50"), "1/2");
  EXPECT_EQ(Decimal(".125"), "1/8");
  EXPECT_EQ(Decimal("3."), "3");
  EXPECT_EQ(Decimal("1.2E5"), "120000");
  EXPECT_EQ(Decimal("5E-1"), "1/2");
  EXPECT_EQ(Decimal("123456789012345678901234567890"), "123456789012345678901234567890");
}

TEST(RationalTest, RefusesWhatIsNoDecimal) {
  for (const char* text : {"", ".", "1.2.3", "-1", "1e5", "a"}) EXPECT_EQ(Decimal(text), "none") << text;
}

TEST(RationalTest, RefusesDivisionByZero) {
  Rational value;
  EXPECT_EQ(Divide(Rational(1), Rational(0), value), Exactness::kNone);
  EXPECT_EQ(PowerOf(Rational(0), Rational(-1)), "none");
}

TEST(RationalTest, PowersAreExact) {
  EXPECT_EQ(PowerOf(Rational(2), Rational(10)), "1024");
  EXPECT_EQ(PowerOf(Rational(-2, 3), Rational(3)), "-8/27");
  EXPECT_EQ(PowerOf(Rational(-2, 3), Rational(-3)), "-27/8");
  EXPECT_EQ(PowerOf(Rational(-1), Rational(1000000001)), "-1");
  EXPECT_EQ(PowerOf(Rational(0), Rational(1000000001)), "0");
}

TEST(RationalTest, RootsAreExactOrNone) {
  EXPECT_EQ(PowerOf(Rational(16), Rational(3, 4)), "8");
  EXPECT_EQ(PowerOf(Rational(9, 4), Rational(-1, 2)), "2/3");
  EXPECT_EQ(PowerOf(Rational(-8), Rational(1, 3)), "-2");
  EXPECT_EQ(PowerOf(Rational(-4), Rational(1, 2)), "none");
  EXPECT_EQ(PowerOf(Rational(2), Rational(1, 2)), "none");
}

TEST(RationalTest, RefusesNumbersBeyondTheLimit) {
  EXPECT_EQ(PowerOf(Rational(9), Rational(387420489)), "too large");
  EXPECT_EQ(Decimal(std::string(1000000, '7')), "too large");
  EXPECT_EQ(Decimal("1E999999999"), "too large");
  Rational large, result;
  ASSERT_EQ(Power(Rational(2), Rational(static_cast<slong>(limits::kIntegerBits / 2)), large), Exactness::kExact);
  EXPECT_EQ(Multiply(large, large, result), Exactness::kTooLarge);
  EXPECT_EQ(Add(large, large, result), Exactness::kTooLarge);
  EXPECT_EQ(Divide(large, large, result), Exactness::kTooLarge);
}

TEST(RationalTest, RoundsToPlacesWithTiesToEven) {
  EXPECT_EQ(RoundToPlaces(Rational(1, 3), 6).ToString(), "333333/1000000");
  EXPECT_EQ(RoundToPlaces(Rational(2, 3), 6).ToString(), "666667/1000000");
  EXPECT_EQ(RoundToPlaces(Rational(-2, 3), 1).ToString(), "-7/10");
  EXPECT_EQ(RoundToPlaces(Rational(1, 2), 0).ToString(), "0");
  EXPECT_EQ(RoundToPlaces(Rational(3, 2), 0).ToString(), "2");
  EXPECT_EQ(RoundToPlaces(Rational(-1, 2), 0).ToString(), "0");
  EXPECT_EQ(RoundToPlaces(Rational(-3, 2), 0).ToString(), "-2");
  EXPECT_EQ(RoundToPlaces(Rational(7), 6).ToString(), "7");
}

}  // namespace
}  // namespace maspo
