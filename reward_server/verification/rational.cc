#include "reward_server/verification/rational.h"

#include <algorithm>
#include <cstdlib>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "reward_server/limits.h"

namespace maspo {
namespace {

constexpr slong kMaxExponent = 1 << 20;  // Of a decimal's E, and of a power.
constexpr ulong kMaxRoot = 64;           // The n of an exact n-th root.

size_t Bits(const Rational& value) {
  return std::max<size_t>(fmpz_bits(value.numerator()), fmpz_bits(value.denominator()));
}

bool Fits(size_t bits) { return bits <= limits::kIntegerBits; }

// The exact n-th root; kNone when it is irrational or not real.
Exactness Root(const Rational& base, ulong n, Rational& result) {
  if (n > kMaxRoot || (base.sign() < 0 && n % 2 == 0)) return Exactness::kNone;
  Rational root;
  if (!fmpz_root(fmpq_numref(root.get()), base.numerator(), n) ||
      !fmpz_root(fmpq_denref(root.get()), base.denominator(), n)) {
    return Exactness::kNone;
  }
  result = std::move(root);
  return Exactness::kExact;
}

Exactness IntegerPower(const Rational& base, const Rational& exponent, Rational& result) {
  if (base.is_zero() && exponent.sign() < 0) return Exactness::kNone;
  if (exponent.is_zero() || base.is_one()) {  // 0^0 = 1, as in the reference.
    result = Rational(1);
  } else if (base.is_zero()) {
    result = Rational();
  } else if (base == Rational(-1)) {
    result = Rational(fmpz_is_odd(exponent.numerator()) ? -1 : 1);
  } else {
    if (!exponent.IsSmall(kMaxExponent)) return Exactness::kTooLarge;
    const slong n = exponent.small();
    if (!Fits(Bits(base) * static_cast<size_t>(std::abs(n)))) return Exactness::kTooLarge;
    Rational power;
    fmpq_pow_si(power.get(), base.get(), n);
    result = std::move(power);
  }
  return Exactness::kExact;
}

bool AllDigits(std::string_view text) { return std::all_of(text.begin(), text.end(), absl::ascii_isdigit); }

void SetPowerOfTen(fmpz_t result, ulong exponent) {
  fmpz_set_ui(result, 10);
  fmpz_pow_ui(result, result, exponent);
}

}  // namespace

Rational Rational::Negated() const {
  Rational negated(*this);
  fmpq_neg(negated.value_, negated.value_);
  return negated;
}

std::string Rational::ToString() const {
  char* digits = fmpq_get_str(nullptr, 10, value_);
  std::string text(digits);
  flint_free(digits);
  return text;
}

Exactness Add(const Rational& a, const Rational& b, Rational& result) {
  if (!Fits(Bits(a) + Bits(b) + 1)) return Exactness::kTooLarge;
  fmpq_add(result.get(), a.get(), b.get());
  return Exactness::kExact;
}

Exactness Multiply(const Rational& a, const Rational& b, Rational& result) {
  if (!Fits(Bits(a) + Bits(b))) return Exactness::kTooLarge;
  fmpq_mul(result.get(), a.get(), b.get());
  return Exactness::kExact;
}

Exactness Divide(const Rational& a, const Rational& b, Rational& result) {
  if (b.is_zero()) return Exactness::kNone;
  if (!Fits(Bits(a) + Bits(b))) return Exactness::kTooLarge;
  fmpq_div(result.get(), a.get(), b.get());
  return Exactness::kExact;
}

Exactness Power(const Rational& base, const Rational& exponent, Rational& result) {
  if (exponent.is_integer()) return IntegerPower(base, exponent, result);
  if (base.is_zero()) return exponent.sign() > 0 ? (result = Rational(), Exactness::kExact) : Exactness::kNone;
  Rational n, root;
  fmpz_set(fmpq_numref(n.get()), exponent.denominator());
  if (!n.IsSmall(kMaxRoot)) return Exactness::kNone;
  if (const Exactness exact = Root(base, n.small(), root); exact != Exactness::kExact) return exact;
  fmpz_set(fmpq_numref(n.get()), exponent.numerator());
  return IntegerPower(root, n, result);
}

Exactness ParseDecimal(std::string_view digits, Rational& result) {
  slong exponent = 0;
  if (const size_t e = digits.find('E'); e != std::string_view::npos) {
    int written = 0;
    const std::string text(digits.substr(e + 1));
    if (!absl::SimpleAtoi(text, &written) || std::abs(written) > kMaxExponent) return Exactness::kTooLarge;
    exponent = written;
    digits = digits.substr(0, e);
  }
  std::string integer(digits);
  if (const size_t point = digits.find('.'); point != std::string_view::npos) {
    integer.erase(point, 1);
    exponent -= static_cast<slong>(digits.size() - point - 1);
  }
  if (integer.empty() || !AllDigits(integer)) return Exactness::kNone;
  // log2(10) = 3.32 bits a digit.
  if (!Fits((integer.size() + static_cast<size_t>(std::abs(exponent))) * 10 / 3)) return Exactness::kTooLarge;
  Rational value, scale;
  fmpz_set_str(fmpq_numref(value.get()), integer.c_str(), 10);
  SetPowerOfTen(fmpq_numref(scale.get()), static_cast<ulong>(std::abs(exponent)));
  return exponent < 0 ? Divide(value, scale, result) : Multiply(value, scale, result);
}

Rational RoundToPlaces(const Rational& value, int places) {
  Rational scaled, rounded;
  SetPowerOfTen(fmpq_denref(rounded.get()), places);
  fmpq_mul_fmpz(scaled.get(), value.get(), fmpq_denref(rounded.get()));
  // floor(x + 1/2) = floor((2n + d) / 2d), one less for a tie at an odd integer.
  Rational shifted;
  fmpz* const twice_numerator = fmpq_numref(shifted.get());
  fmpz* const twice_denominator = fmpq_denref(shifted.get());
  fmpz_mul_2exp(twice_numerator, scaled.numerator(), 1);
  fmpz_add(twice_numerator, twice_numerator, scaled.denominator());
  fmpz_mul_2exp(twice_denominator, scaled.denominator(), 1);
  const bool halfway = fmpz_divisible(twice_numerator, twice_denominator);
  fmpz* const nearest = fmpq_numref(rounded.get());
  fmpz_fdiv_q(nearest, twice_numerator, twice_denominator);
  if (halfway && fmpz_is_odd(nearest)) fmpz_sub_ui(nearest, nearest, 1);
  fmpq_canonicalise(rounded.get());
  return rounded;
}

}  // namespace maspo
