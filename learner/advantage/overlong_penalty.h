#pragma once

#include <algorithm>
#include <cstdint>

namespace maspo {

// DAPO's soft overlong punishment (arXiv 2503.14476, Eq. 13), added to the reward of a response of n tokens. Pure.
//
//   0                                            n <= max_tokens - cache_tokens
//   (max_tokens - cache_tokens - n) / cache      up to max_tokens, where it is -1
struct OverlongPenalty {
  int64_t max_tokens = 0;
  int64_t cache_tokens = 0;  // 0 = off.

  double Of(int64_t response_tokens) const {
    const int64_t beyond = response_tokens - (max_tokens - cache_tokens);
    if (cache_tokens == 0 || beyond <= 0) return 0;
    return -std::min(1.0, static_cast<double>(beyond) / static_cast<double>(cache_tokens));
  }
};

}  // namespace maspo
