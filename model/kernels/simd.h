#pragma once

#include <bit>
#include <cstdint>

// Kernels are plain loops that the compiler vectorises; MASPO_KERNEL compiles a function twice, for AVX2 with FMA and
// for any machine, and the loader picks one. Helpers that it calls must be inlined into both: MASPO_INLINE.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define MASPO_KERNEL __attribute__((target_clones("arch=x86-64-v3", "default")))
#else
#define MASPO_KERNEL
#endif
#define MASPO_INLINE inline __attribute__((always_inline))

namespace maspo::kernels {

// e^x with a relative error below 2e-7 (Cephes' expf); below -87.3 the smallest normal number. NaN stays NaN.
MASPO_INLINE float Exp(float x) {
  constexpr float kRound = 12582912.0f;  // 1.5 * 2^23: adding it leaves the nearest integer in the low bits.
  x = x < -87.3f ? -87.3f : x;
  x = x > 88.3f ? 88.3f : x;
  const float shifted = x * 1.44269504f + kRound;
  const float n = shifted - kRound;
  const float r = x - n * 0.693359375f + n * 2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  const int32_t exponent = std::bit_cast<int32_t>(shifted) - std::bit_cast<int32_t>(kRound) + 127;
  return p * std::bit_cast<float>(exponent << 23);
}

}  // namespace maspo::kernels
