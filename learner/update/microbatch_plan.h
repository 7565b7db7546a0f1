#pragma once

#include <cstdint>
#include <vector>

namespace maspo {

// Responses of one group, to be packed behind one copy of its prompt.
struct PackedSlice {
  int group = 0;
  std::vector<int> responses;  // Indices within the group, ascending.
};

using Microbatch = std::vector<PackedSlice>;

// Sizes of a group in tokens.
struct GroupSize {
  int64_t prompt_tokens = 0;
  std::vector<int64_t> response_tokens;
  std::vector<bool> skip;  // Responses to leave out; same length.
};

struct MicrobatchLimits {
  int64_t max_tokens = 16384;  // Packed tokens of one; a response that is too long on its own goes alone.
  int at_least = 1;            // Parts, so that as many ranks have something to do; as far as there are responses.
  double cost_of_pair = 0;     // Of one token's attention to another, where a token's way through the products costs 1.
};

// Splits a mini-batch into micro-batches of about the same cost: consecutive responses, a prompt counted once in every
// micro-batch that holds one of its responses. The costliest come first, so that ranks that work side by side have
// about the same to do. A function of the sizes alone, whatever the number of ranks. Pure.
std::vector<Microbatch> PlanMicrobatches(const std::vector<GroupSize>& groups, const MicrobatchLimits& limits);

}  // namespace maspo
