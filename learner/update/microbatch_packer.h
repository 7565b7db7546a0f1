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

// Splits groups into micro-batches of at most `max_tokens` packed tokens each, in order; a prompt counts once in every
// micro-batch that holds one of its responses. A response that is too long on its own goes alone. Pure.
std::vector<Microbatch> PackMicrobatches(const std::vector<GroupSize>& groups, int64_t max_tokens);

}  // namespace maspo
