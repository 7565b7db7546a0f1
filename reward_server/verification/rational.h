#pragma once

#include <flint/fmpq.h>

#include <string>
#include <string_view>

namespace maspo {

// An exact number in lowest terms; small ones need no memory of their own.
class Rational {
 public:
  Rational() { fmpq_init(value_); }
  explicit Rational(slong numerator, ulong denominator = 1) : Rational() {
    fmpq_set_si(value_, numerator, denominator);
  }
  Rational(const Rational& other) : Rational() { fmpq_set(value_, other.value_); }
  Rational(Rational&& other) noexcept : Rational() { fmpq_swap(value_, other.value_); }
  Rational& operator=(const Rational& other) {
    fmpq_set(value_, other.value_);
    return *this;
  }
  Rational& operator=(Rational&& other) noexcept {
    fmpq_swap(value_, other.value_);
    return *this;
  }
  ~Rational() { fmpq_clear(value_); }

  fmpq* get() { return value_; }
  const fmpq* get() const { return value_; }
  const fmpz* numerator() const { return fmpq_numref(value_); }
  const fmpz* denominator() const { return fmpq_denref(value_); }

  bool is_integer() const { return fmpz_is_one(denominator()); }
  bool is_zero() const { return fmpq_is_zero(value_); }
  bool is_one() const { return fmpq_is_one(value_); }
  int sign() const { return fmpq_sgn(value_); }

  // Whether it is an integer of at most `bound` in magnitude; only then has it a small() value.
  bool IsSmall(slong bound) const {
    return is_integer() && !COEFF_IS_MPZ(*numerator()) && fmpz_get_si(numerator()) <= bound &&
           fmpz_get_si(numerator()) >= -bound;
  }
  slong small() const { return fmpz_get_si(numerator()); }

  Rational Negated() const;
  std::string ToString() const;

  friend bool operator==(const Rational& a, const Rational& b) { return fmpq_equal(a.value_, b.value_); }
  friend bool operator<(const Rational& a, const Rational& b) { return fmpq_cmp(a.value_, b.value_) < 0; }

 private:
  fmpq_t value_;
};

// What became of an exact calculation.
enum class Exactness {
  kExact,
  kNone,      // It has no exact rational value: a symbol, a root, a division by zero.
  kTooLarge,  // Longer than limits::kIntegerBits.
  kDeadline,  // The budget is spent.
};

// FLINT aborts the process on a division by zero and on a number that does not fit in memory. These test their operands
// first: kNone for a division by zero, kTooLarge for a result that may be longer than limits::kIntegerBits. `result`
// may be an operand.
Exactness Add(const Rational& a, const Rational& b, Rational& result);
Exactness Multiply(const Rational& a, const Rational& b, Rational& result);
Exactness Divide(const Rational& a, const Rational& b, Rational& result);
// Also by a fraction, where the root is exact: 16^{3/4} = 8. An odd root of a negative number is the real one.
Exactness Power(const Rational& base, const Rational& exponent, Rational& result);

// Reads digits with at most one point and an exponent: "12", "0.50", ".5", "3.", "1.2E5". kNone: anything else.
Exactness ParseDecimal(std::string_view digits, Rational& result);

// The nearest multiple of 10^-places; halfway cases go to the even one.
Rational RoundToPlaces(const Rational& value, int places);

}  // namespace maspo
