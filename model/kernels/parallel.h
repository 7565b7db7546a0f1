#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>

namespace maspo::kernels {

// Calls body(task) for 0 <= task < num_tasks on LibTorch's own OpenMP threads (torch::set_num_threads); in place when
// there is one thread or one task.
void ParallelFor(int64_t num_tasks, const std::function<void(int64_t)>& body);

// Rows in blocks of a fixed size, so that sums by block do not depend on the number of threads.
inline constexpr int64_t kRowsPerBlock = 256;
inline int64_t NumRowBlocks(int64_t rows) { return (rows + kRowsPerBlock - 1) / kRowsPerBlock; }

// body(block, first row, number of rows). Wide rows want smaller blocks, so that a few of them keep all threads busy.
template <typename Body>
void ForRowBlocks(int64_t rows, Body body, int64_t rows_per_block = kRowsPerBlock) {
  ParallelFor((rows + rows_per_block - 1) / rows_per_block, [&](int64_t block) {
    const int64_t begin = block * rows_per_block;
    body(block, begin, std::min(rows_per_block, rows - begin));
  });
}

}  // namespace maspo::kernels
