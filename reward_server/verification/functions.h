#pragma once

#include <string_view>

#include "reward_server/verification/expression.h"

namespace maspo {

// The functions that have a meaning; every other name of a kFunction is one of the author's own.
//
//   sin cos tan csc sec cot  arcsin ... arccot  sinh cosh tanh  arsinh arcosh artanh    one argument
//   exp abs floor ceil factorial gamma                                                   one argument
//   root(x, n)  log(x, base)  binomial(n, k)  mod(a, b)                                   two arguments
//   gcd lcm max min                                                                       any number
//   sum prod(k, from, to, term)  int(x, from, to, integrand)                              over a variable
//   lim lim+ lim-(x, target, term)  diff(x, term)
bool IsKnownFunction(std::string_view name);

// Functions whose first argument is a variable that means nothing outside of them.
inline bool BindsFirstArgument(const Expression& e) {
  return e.Is(Expression::Kind::kFunction) && e.parts.size() >= 2 && e.parts[0].Is(Expression::Kind::kSymbol) &&
         (e.text == "sum" || e.text == "prod" || e.text == "int" || e.text.starts_with("lim"));
}

// Functions that are meant for integers when their argument is a variable: n!, \binom{n}{2}, \sum_{k=1}^n k.
inline bool WantsIntegers(const Expression& e) {
  return e.Is(Expression::Kind::kFunction) &&
         (e.text == "factorial" || e.text == "binomial" || e.text == "sum" || e.text == "prod" || e.text == "mod" ||
          e.text == "gcd" || e.text == "lcm");
}

}  // namespace maspo
