#pragma once

#include <string>
#include <vector>

#include "reward_server/verification/ball.h"

namespace maspo {

// base^exponent; an odd root of a negative number is the real one. False: a pole, or too large.
bool RationalPower(const Ball& base, const Rational& exponent, slong bits, Ball& result);

// A function of functions.h that needs no more than the values of its arguments. False: it has no value there.
bool ApplyFunction(const std::string& name, const std::vector<Ball>& arguments, slong bits, Ball& result);

// One fixed smooth function for each name, so that f(x + 1) = f(1 + x) and f(x) differs from f(y) and g(x).
void ApplyUnknownFunction(const std::string& name, const std::vector<Ball>& arguments, slong bits, Ball& result);

}  // namespace maspo
