#include "rollout_worker/engine/random_stream.h"

#include <xxhash.h>

namespace maspo {

std::array<uint32_t, 4> Philox4x32(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key) {
  constexpr uint64_t kMultiplier0 = 0xD2511F53, kMultiplier1 = 0xCD9E8D57;
  constexpr uint32_t kWeyl0 = 0x9E3779B9, kWeyl1 = 0xBB67AE85;
  for (int round = 0; round < 10; ++round) {
    const uint64_t product0 = kMultiplier0 * counter[0];
    const uint64_t product1 = kMultiplier1 * counter[2];
    counter = {static_cast<uint32_t>(product1 >> 32) ^ counter[1] ^ key[0], static_cast<uint32_t>(product1),
               static_cast<uint32_t>(product0 >> 32) ^ counter[3] ^ key[1], static_cast<uint32_t>(product0)};
    key[0] += kWeyl0;
    key[1] += kWeyl1;
  }
  return counter;
}

RandomStream::RandomStream(const StreamKey& key) : visit_(key.visit) {
  const uint64_t hash = XXH3_64bits_withSeed(key.prompt_id.data(), key.prompt_id.size(), key.run_seed);
  key_ = {static_cast<uint32_t>(hash), static_cast<uint32_t>(hash >> 32)};
}

float RandomStream::Uniform(uint32_t sample_index, uint32_t position) const {
  const uint32_t word = Philox4x32({position, sample_index, visit_, 0}, key_)[0];
  return static_cast<float>(word >> 8) * 0x1p-24f;
}

}  // namespace maspo
