#pragma once

#include <gmpxx.h>

#include <string_view>

#include "absl/status/statusor.h"

namespace maspo {

// An exact number in lowest terms.
using Rational = mpq_class;

// GMP aborts the process on a division by zero and on a number that does not fit in memory. These operations test
// their operands first: OutOfRange for a division by zero, ResourceExhausted for a result that may be longer than
// limits::kIntegerBits.
absl::StatusOr<Rational> Add(const Rational& a, const Rational& b);
absl::StatusOr<Rational> Multiply(const Rational& a, const Rational& b);
absl::StatusOr<Rational> Divide(const Rational& a, const Rational& b);
absl::StatusOr<Rational> Power(const Rational& base, const mpz_class& exponent);

// Reads digits with at most one point: "12", "0.50", ".5", "3.". InvalidArgument: anything else.
absl::StatusOr<Rational> ParseDecimal(std::string_view digits);

// The nearest multiple of 10^-places; halfway cases go to the even one.
Rational RoundToPlaces(const Rational& value, int places);

inline bool IsInteger(const Rational& value) { return value.get_den() == 1; }

}  // namespace maspo
