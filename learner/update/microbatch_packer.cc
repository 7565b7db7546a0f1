#include "learner/update/microbatch_packer.h"

namespace maspo {

std::vector<Microbatch> PackMicrobatches(const std::vector<GroupSize>& groups, int64_t max_tokens) {
  std::vector<Microbatch> batches;
  int64_t batch_tokens = 0;
  for (int g = 0; g < static_cast<int>(groups.size()); ++g) {
    const GroupSize& group = groups[g];
    for (int r = 0; r < static_cast<int>(group.response_tokens.size()); ++r) {
      if (group.skip[r]) continue;
      const int64_t response_tokens = group.response_tokens[r];
      const bool prompt_is_in = !batches.empty() && batches.back().back().group == g;
      const int64_t added = response_tokens + (prompt_is_in ? 0 : group.prompt_tokens);
      if (batches.empty() || batch_tokens + added > max_tokens) {
        batches.push_back({{g, {r}}});
        batch_tokens = group.prompt_tokens + response_tokens;
        continue;
      }
      batch_tokens += added;
      if (!prompt_is_in) batches.back().push_back({g, {}});
      batches.back().back().responses.push_back(r);
    }
  }
  return batches;
}

}  // namespace maspo
