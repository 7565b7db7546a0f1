#pragma once

#include <cstdint>

#include "model/kernels/simd.h"

namespace maspo::kernels {

// Eight floats that the compiler keeps in one register (two without AVX); loads and stores need no alignment.
typedef float Float8 __attribute__((vector_size(32), aligned(4), may_alias));

// c[ROWS, 8 * WIDE] (+)= sum over k of a(row, k) * b[k, :], kept in registers.
template <int ROWS, int WIDE, bool ADD>
MASPO_INLINE void GemmTile(int64_t depth, const float* a, int64_t a_row, int64_t a_depth, const float* b, int64_t b_row,
                           float* c, int64_t c_row) {
  Float8 sums[ROWS][WIDE];
  for (int r = 0; r < ROWS; ++r) {
    for (int w = 0; w < WIDE; ++w) {
      if constexpr (ADD)
        sums[r][w] = *reinterpret_cast<const Float8*>(c + r * c_row + 8 * w);
      else
        sums[r][w] = Float8{};
    }
  }
  for (int64_t k = 0; k < depth; ++k) {
    for (int w = 0; w < WIDE; ++w) {
      const Float8 column = *reinterpret_cast<const Float8*>(b + k * b_row + 8 * w);
      for (int r = 0; r < ROWS; ++r) sums[r][w] += a[r * a_row + k * a_depth] * column;
    }
  }
  for (int r = 0; r < ROWS; ++r) {
    for (int w = 0; w < WIDE; ++w) *reinterpret_cast<Float8*>(c + r * c_row + 8 * w) = sums[r][w];
  }
}

template <int ROWS, bool ADD>
MASPO_INLINE void GemmRows(int64_t width, int64_t depth, const float* a, int64_t a_row, int64_t a_depth, const float* b,
                           int64_t b_row, float* c, int64_t c_row) {
  int64_t column = 0;
  for (; column + 16 <= width; column += 16) {
    GemmTile<ROWS, 2, ADD>(depth, a, a_row, a_depth, b + column, b_row, c + column, c_row);
  }
  if (column < width) GemmTile<ROWS, 1, ADD>(depth, a, a_row, a_depth, b + column, b_row, c + column, c_row);
}

// c[rows, width] (+)= sum over k < depth of a(row, k) * b[k, :], where a(row, k) = a[row * a_row + k * a_depth].
// `width` is a multiple of 8. For matrices that fit the cache: no packing, no call overhead, and every element is
// summed in the order of k whatever the other sizes are.
template <bool ADD>
MASPO_INLINE void SmallGemm(int64_t rows, int64_t width, int64_t depth, const float* a, int64_t a_row, int64_t a_depth,
                            const float* b, int64_t b_row, float* c, int64_t c_row) {
  int64_t row = 0;
  for (; row + 4 <= rows; row += 4) {
    GemmRows<4, ADD>(width, depth, a + row * a_row, a_row, a_depth, b, b_row, c + row * c_row, c_row);
  }
  for (; row < rows; ++row) {
    GemmRows<1, ADD>(width, depth, a + row * a_row, a_row, a_depth, b, b_row, c + row * c_row, c_row);
  }
}

}  // namespace maspo::kernels
