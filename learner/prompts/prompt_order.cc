#include "learner/prompts/prompt_order.h"

#include <numeric>
#include <random>
#include <utility>

#include "services/base/status_macros.h"

namespace maspo {
namespace {

// A generator for pass `visit` of a run: seed and visit mixed (splitmix64), so that neighbouring seeds share no pass.
std::mt19937_64 GeneratorOf(uint64_t seed, uint64_t visit) {
  uint64_t z = seed + 0x9e3779b97f4a7c15u * (visit + 1);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return std::mt19937_64(z ^ (z >> 31));
}

// Uniform in [0, bound), bound >= 1: draws beyond the largest multiple of bound are drawn again.
uint64_t Below(std::mt19937_64& generator, uint64_t bound) {
  const uint64_t unfair = (0 - bound) % bound;  // 2^64 mod bound
  while (true) {
    const uint64_t draw = generator();
    if (draw >= unfair) return draw % bound;
  }
}

}  // namespace

PromptOrder::PromptOrder(size_t num_problems, uint64_t seed, bool shuffle)
    : num_problems_(num_problems), seed_(seed), shuffle_(shuffle) {
  MASPO_CHECK(num_problems > 0);
}

PromptOrder::Place PromptOrder::At(uint64_t n) {
  const uint64_t visit = n / num_problems_;
  const size_t position = n % num_problems_;
  if (!shuffle_) return {position, static_cast<uint32_t>(visit)};
  if (permutation_.empty() || permuted_visit_ != visit) Permute(visit);
  return {permutation_[position], static_cast<uint32_t>(visit)};
}

void PromptOrder::Permute(uint64_t visit) {
  permutation_.resize(num_problems_);
  std::iota(permutation_.begin(), permutation_.end(), size_t{0});
  std::mt19937_64 generator = GeneratorOf(seed_, visit);
  for (size_t i = num_problems_ - 1; i > 0; --i) std::swap(permutation_[i], permutation_[Below(generator, i + 1)]);
  permuted_visit_ = visit;
}

}  // namespace maspo
