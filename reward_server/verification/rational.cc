#include "reward_server/verification/rational.h"

#include <algorithm>
#include <string>

#include "absl/strings/ascii.h"
#include "reward_server/limits.h"

namespace maspo {
namespace {

size_t Bits(const mpz_class& integer) { return mpz_sizeinbase(integer.get_mpz_t(), 2); }

size_t Bits(const Rational& value) { return std::max(Bits(value.get_num()), Bits(value.get_den())); }

absl::Status CheckBits(size_t bits) {
  if (bits <= limits::kIntegerBits) return absl::OkStatus();
  return absl::ResourceExhaustedError("a number with too many digits");
}

mpz_class PowerOfTen(size_t exponent) {
  mpz_class result;
  mpz_ui_pow_ui(result.get_mpz_t(), 10, exponent);
  return result;
}

}  // namespace

absl::StatusOr<Rational> Add(const Rational& a, const Rational& b) {
  if (absl::Status fits = CheckBits(Bits(a) + Bits(b) + 1); !fits.ok()) return fits;
  return Rational(a + b);
}

absl::StatusOr<Rational> Multiply(const Rational& a, const Rational& b) {
  if (absl::Status fits = CheckBits(Bits(a) + Bits(b)); !fits.ok()) return fits;
  return Rational(a * b);
}

absl::StatusOr<Rational> Divide(const Rational& a, const Rational& b) {
  if (b == 0) return absl::OutOfRangeError("division by zero");
  if (absl::Status fits = CheckBits(Bits(a) + Bits(b)); !fits.ok()) return fits;
  return Rational(a / b);
}

absl::StatusOr<Rational> Power(const Rational& base, const mpz_class& exponent) {
  if (exponent == 0 || base == 1) return Rational(1);  // 0^0 = 1, as in the reference.
  if (base == 0) {
    if (exponent < 0) return absl::OutOfRangeError("division by zero");
    return Rational(0);
  }
  const mpz_class magnitude = abs(exponent);
  if (base == -1) return Rational(mpz_odd_p(magnitude.get_mpz_t()) ? -1 : 1);
  if (!magnitude.fits_ulong_p() || magnitude > limits::kIntegerBits) return CheckBits(limits::kIntegerBits + 1);
  const unsigned long n = magnitude.get_ui();
  if (absl::Status fits = CheckBits(Bits(base) * n); !fits.ok()) return fits;

  Rational result;  // Powers of coprime integers are coprime: nothing to reduce.
  mpz_pow_ui(result.get_num_mpz_t(), base.get_num_mpz_t(), n);
  mpz_pow_ui(result.get_den_mpz_t(), base.get_den_mpz_t(), n);
  if (exponent < 0) result = 1 / result;
  return result;
}

absl::StatusOr<Rational> ParseDecimal(std::string_view digits) {
  const size_t point = std::min(digits.find('.'), digits.size());
  std::string integer(digits.substr(0, point));
  if (point < digits.size()) integer.append(digits.substr(point + 1));
  if (integer.empty() || !std::all_of(integer.begin(), integer.end(), absl::ascii_isdigit)) {
    return absl::InvalidArgumentError("not a number");
  }
  if (absl::Status fits = CheckBits(integer.size() * 10 / 3); !fits.ok()) return fits;  // log2(10) = 3.32 bits a digit.
  Rational value(mpz_class(integer, 10));
  if (point < digits.size()) value /= PowerOfTen(digits.size() - point - 1);
  return value;
}

Rational RoundToPlaces(const Rational& value, int places) {
  const mpz_class scale = PowerOfTen(places);
  const Rational scaled = value * scale;
  const mpz_class twice_den = scaled.get_den() * 2;
  const mpz_class shifted = scaled.get_num() * 2 + scaled.get_den();  // floor(x + 1/2)
  mpz_class nearest;
  mpz_fdiv_q(nearest.get_mpz_t(), shifted.get_mpz_t(), twice_den.get_mpz_t());
  const bool halfway = mpz_divisible_p(shifted.get_mpz_t(), twice_den.get_mpz_t()) != 0;
  if (halfway && mpz_odd_p(nearest.get_mpz_t())) --nearest;
  Rational rounded(nearest, scale);
  rounded.canonicalize();
  return rounded;
}

}  // namespace maspo
