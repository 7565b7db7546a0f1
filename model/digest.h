#pragma once

#include <cstddef>
#include <string>

struct XXH3_state_s;

namespace maspo {

// XXH3-128 of a stream of bytes. Not thread-safe.
class Digest {
 public:
  Digest();
  ~Digest();

  void Update(const void* bytes, size_t size);
  std::string Hex() const;  // Canonical (big-endian) form, 32 lower-case digits.

 private:
  XXH3_state_s* const state_;
};

}  // namespace maspo
