#pragma once

#include <cstdint>
#include <string>

namespace maspo {

// Names the random stream of a prompt: the responses depend on this, on the weights and on nothing else.
struct StreamKey {
  uint64_t run_seed = 0;
  std::string prompt_id;
  uint32_t visit = 0;
};

}  // namespace maspo
