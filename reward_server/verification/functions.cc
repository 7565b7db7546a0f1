#include "reward_server/verification/functions.h"

#include <algorithm>
#include <array>

namespace maspo {

bool IsKnownFunction(std::string_view name) {
  static constexpr auto kNames = std::to_array<std::string_view>(
      {"abs",      "arccos", "arccot", "arccsc", "arcosh", "arcsec", "arcsin", "arctan", "arsinh",    "artanh",
       "binomial", "ceil",   "cos",    "cosh",   "cot",    "csc",    "diff",   "exp",    "factorial", "floor",
       "gamma",    "gcd",    "int",    "lcm",    "lim",    "lim+",   "lim-",   "log",    "max",       "min",
       "mod",      "prod",   "root",   "sec",    "sin",    "sinh",   "sum",    "tan",    "tanh"});
  return std::binary_search(kNames.begin(), kNames.end(), name);
}

}  // namespace maspo
