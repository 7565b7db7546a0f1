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

// body(block, first row, number of rows)
template <typename Body>
void ForRowBlocks(int64_t rows, Body body) {
  ParallelFor(NumRowBlocks(rows), [&](int64_t block) {
    const int64_t begin = block * kRowsPerBlock;
    body(block, begin, std::min(kRowsPerBlock, rows - begin));
  });
}

}  // namespace maspo::kernels
