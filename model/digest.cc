#include "model/digest.h"

#include <xxhash.h>

#include "absl/strings/escaping.h"

namespace maspo {

Digest::Digest() : state_(XXH3_createState()) { XXH3_128bits_reset(state_); }

Digest::~Digest() { XXH3_freeState(state_); }

void Digest::Update(const void* bytes, size_t size) { XXH3_128bits_update(state_, bytes, size); }

std::string Digest::Hex() const {
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(state_));
  return absl::BytesToHexString({reinterpret_cast<const char*>(canonical.digest), sizeof(canonical.digest)});
}

}  // namespace maspo
