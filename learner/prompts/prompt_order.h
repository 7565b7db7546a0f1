#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace maspo {

// Which problem the n-th training group of a run asks for. Pure: the answer depends on seed and n alone, so a cursor is
// one number, and a resumed run goes on with exactly the prompts that were next.
//
//   n = visit * num_problems + position          problem = permutation of pass `visit` at `position`
//
// Permutations are drawn by Fisher-Yates over std::mt19937_64 (whose output the standard fixes, unlike std::shuffle),
// one generator a pass, so they are the same on every platform. Caches the pass asked for last. Not thread-safe.
class PromptOrder {
 public:
  struct Place {
    size_t problem = 0;  // Index into the data set.
    uint32_t visit = 0;  // Finished passes over the data set.
  };

  // num_problems >= 1. Without `shuffle` every pass is in file order.
  PromptOrder(size_t num_problems, uint64_t seed, bool shuffle);

  Place At(uint64_t n);

 private:
  void Permute(uint64_t visit);

  const size_t num_problems_;
  const uint64_t seed_;
  const bool shuffle_;
  uint64_t permuted_visit_ = 0;
  std::vector<size_t> permutation_;  // Of permuted_visit_; empty before the first At() and without shuffling.
};

}  // namespace maspo
