#include "reward_server/verification/ball_functions.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>

#include "reward_server/limits.h"

namespace maspo {
namespace {

constexpr double kMaxResultBits = 1e6;  // Of the integer part of a power.

using Function = void (*)(acb_t, const acb_t, slong);

struct NamedFunction {
  std::string_view name;
  Function apply;
};

template <Function kFunction>
void ReciprocalOf(acb_t result, const acb_t x, slong bits) {
  kFunction(result, x, bits);
  acb_inv(result, result, bits);
}

template <Function kFunction>
void OfReciprocal(acb_t result, const acb_t x, slong bits) {
  acb_inv(result, x, bits);
  kFunction(result, result, bits);
}

void Absolute(acb_t result, const acb_t x, slong bits) {
  arb_t modulus;
  arb_init(modulus);
  acb_abs(modulus, x, bits);
  acb_set_arb(result, modulus);
  arb_clear(modulus);
}

void Floor(acb_t result, const acb_t x, slong bits) { arb_floor(acb_realref(result), acb_realref(x), bits); }
void Ceil(acb_t result, const acb_t x, slong bits) { arb_ceil(acb_realref(result), acb_realref(x), bits); }

void Factorial(acb_t result, const acb_t x, slong bits) {
  acb_add_ui(result, x, 1, bits);
  acb_gamma(result, result, bits);
}

constexpr auto kFunctions = std::to_array<NamedFunction>({
    {"sin", acb_sin},
    {"cos", acb_cos},
    {"tan", acb_tan},
    {"cot", acb_cot},
    {"sec", ReciprocalOf<acb_cos>},
    {"csc", ReciprocalOf<acb_sin>},
    {"arcsin", acb_asin},
    {"arccos", acb_acos},
    {"arctan", acb_atan},
    {"arcsec", OfReciprocal<acb_acos>},
    {"arccsc", OfReciprocal<acb_asin>},
    {"arccot", OfReciprocal<acb_atan>},
    {"sinh", acb_sinh},
    {"cosh", acb_cosh},
    {"tanh", acb_tanh},
    {"arsinh", acb_asinh},
    {"arcosh", acb_acosh},
    {"artanh", acb_atanh},
    {"abs", Absolute},
    {"floor", Floor},
    {"ceil", Ceil},
    {"factorial", Factorial},
    {"gamma", acb_gamma},
});

// Imaginary parts that are only error, of functions whose values are real here.
void DropErrorOfReal(const std::vector<Ball>& arguments, Ball& result) {
  const bool all_real = std::all_of(arguments.begin(), arguments.end(), [](const Ball& a) { return a.is_real(); });
  if (all_real && arb_contains_zero(acb_imagref(result.get())) && !arb_is_exact(acb_imagref(result.get()))) {
    arb_zero(acb_imagref(result.get()));
  }
}

// \binom{x}{k} by gamma functions.
bool Binomial(const std::vector<Ball>& a, slong bits, Ball& result) {
  Ball difference, divisor;
  Factorial(result.get(), a[0].get(), bits);
  Factorial(divisor.get(), a[1].get(), bits);
  acb_div(result.get(), result.get(), divisor.get(), bits);
  acb_sub(difference.get(), a[0].get(), a[1].get(), bits);
  Factorial(divisor.get(), difference.get(), bits);
  acb_div(result.get(), result.get(), divisor.get(), bits);
  return true;
}

bool Extreme(bool maximum, const std::vector<Ball>& a, slong bits, Ball& result) {
  result = a[0];
  for (const Ball& other : a) {
    if (!other.is_real()) return false;
    if (maximum) {
      arb_max(result.real(), result.real(), other.real(), bits);
    } else {
      arb_min(result.real(), result.real(), other.real(), bits);
    }
  }
  return result.is_real();
}

// A number for a name, between 1 and 2.
Rational Coefficient(const std::string& name, size_t index) {
  const uint64_t hash = std::hash<std::string>()(name + static_cast<char>('a' + index % 26));
  return Rational(static_cast<slong>(65536 + hash % 65536), 65536);
}

}  // namespace

bool RationalPower(const Ball& base, const Rational& exponent, slong bits, Ball& result) {
  if (!exponent.IsSmall(WORD_MAX / 4) && exponent.is_integer()) return false;
  if (exponent.sign() < 0 && base.contains_zero()) return false;
  if (exponent.is_integer()) {
    const slong base_bits = std::max<slong>(0, arf_abs_bound_lt_2exp_si(arb_midref(base.real())));
    if (std::abs(static_cast<double>(exponent.small()) * static_cast<double>(base_bits)) > kMaxResultBits) return false;
    acb_pow_fmpz(result.get(), base.get(), exponent.numerator(), bits);
    return true;
  }
  const bool odd = fmpz_is_odd(exponent.denominator());
  const bool negative = base.is_negative() && odd;
  if (base.contains_zero() && acb_is_zero(base.get())) {
    acb_zero(result.get());
    return exponent.sign() > 0;
  }
  Ball magnitude(base), power(exponent, bits);
  if (negative) acb_neg(magnitude.get(), magnitude.get());
  if (exponent.denominator()[0] == 2 && fmpz_is_one(exponent.numerator())) {
    acb_sqrt(result.get(), magnitude.get(), bits);
    return true;
  }
  acb_pow(result.get(), magnitude.get(), power.get(), bits);
  if (negative && fmpz_is_odd(exponent.numerator())) acb_neg(result.get(), result.get());
  return true;
}

bool ApplyFunction(const std::string& name, const std::vector<Ball>& arguments, slong bits, Ball& result) {
  if (name == "max" || name == "min") return Extreme(name == "max", arguments, bits, result);
  if (arguments.size() == 2 && name == "log") {
    Ball divisor;
    if (arguments[0].contains_zero() || arguments[1].contains_zero()) return false;
    acb_log(result.get(), arguments[0].get(), bits);
    acb_log(divisor.get(), arguments[1].get(), bits);
    acb_div(result.get(), result.get(), divisor.get(), bits);
    return true;
  }
  if (arguments.size() == 2 && name == "binomial") return Binomial(arguments, bits, result);
  const auto* found = std::find_if(kFunctions.begin(), kFunctions.end(),
                                   [&](const NamedFunction& function) { return function.name == name; });
  if (found == kFunctions.end() || arguments.size() != 1) return false;
  const bool rounds = name == "floor" || name == "ceil";
  if (rounds && !arguments[0].is_real()) return false;
  found->apply(result.get(), arguments[0].get(), bits);
  if (name.starts_with("arc")) DropErrorOfReal(arguments, result);
  return true;
}

void ApplyUnknownFunction(const std::string& name, const std::vector<Ball>& arguments, slong bits, Ball& result) {
  acb_set_fmpq(result.get(), Coefficient(name, arguments.size()).get(), bits);
  for (size_t i = 0; i < arguments.size(); ++i) {
    const Ball coefficient(Coefficient(name, i), bits);
    acb_addmul(result.get(), coefficient.get(), arguments[i].get(), bits);
  }
  acb_sin(result.get(), result.get(), bits);
}

}  // namespace maspo
