#pragma once

#include <string_view>

#include "model/tokenizer/maspo_rust.h"

namespace maspo {

// CRC-32C (Castagnoli), as TensorBoard's record files use it. Link maspo_rust.
inline uint32_t Crc32c(std::string_view bytes) { return maspo_crc32c(bytes.data(), bytes.size()); }

}  // namespace maspo
