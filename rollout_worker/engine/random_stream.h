#pragma once

#include <array>
#include <cstdint>

#include "rollout_worker/engine/stream_key.h"

namespace maspo {

// Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011): a keyed function from counters
// to random words, without state.
std::array<uint32_t, 4> Philox4x32(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key);

// The uniform numbers that sample a prompt's responses. Token `position` of sample `sample_index` always meets the same
// number, whatever the worker, the batch, the order or the number of preemptions.
//
// Run seed and prompt id make the key (64 bits of XXH3), the rest is the counter.
class RandomStream {
 public:
  explicit RandomStream(const StreamKey& key);

  // In [0, 1), 24 random bits: every value is exact in float32.
  float Uniform(uint32_t sample_index, uint32_t position) const;

 private:
  std::array<uint32_t, 2> key_;
  uint32_t visit_;
};

}  // namespace maspo
