#pragma once

// FLINT 3 contains Arb; with FLINT 2 it is a library of its own.
#if __has_include(<flint/acb.h>)
#include <flint/acb.h>
#include <flint/arb_hypgeom.h>
#else
#include <acb.h>
#include <arb_hypgeom.h>
#endif

#include <utility>

#include "reward_server/verification/rational.h"

namespace maspo {

// A complex number with a bound of its error: the true value lies in the ball.
class Ball {
 public:
  Ball() { acb_init(value_); }
  Ball(const Rational& value, slong bits) : Ball() { acb_set_fmpq(value_, value.get(), bits); }
  Ball(const Ball& other) : Ball() { acb_set(value_, other.value_); }
  Ball(Ball&& other) noexcept : Ball() { acb_swap(value_, other.value_); }
  Ball& operator=(const Ball& other) {
    acb_set(value_, other.value_);
    return *this;
  }
  Ball& operator=(Ball&& other) noexcept {
    acb_swap(value_, other.value_);
    return *this;
  }
  ~Ball() { acb_clear(value_); }

  acb_ptr get() { return value_; }
  acb_srcptr get() const { return value_; }
  arb_ptr real() { return acb_realref(value_); }
  arb_srcptr real() const { return acb_realref(value_); }

  bool is_finite() const { return acb_is_finite(value_); }
  bool is_real() const { return arb_is_zero(acb_imagref(value_)); }  // Known to be.
  bool contains_zero() const { return acb_contains_zero(value_); }
  bool is_positive() const { return is_real() && arb_is_positive(real()); }
  bool is_negative() const { return is_real() && arb_is_negative(real()); }

 private:
  acb_t value_;
};

}  // namespace maspo
