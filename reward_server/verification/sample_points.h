#pragma once

#include <vector>

#include "reward_server/verification/ball_value.h"
#include "reward_server/verification/expression.h"

namespace maspo {

// Points at which two functions are compared: some with all variables between 0 and 1, some beyond, some negative, some
// mixed, and some integers. Only integers where the functions mean integers: n!, \binom{n}{2}, sums to n.
std::vector<Point> SamplePoints(const Expression& a, const Expression& b);

}  // namespace maspo
