#include "learner/update/microbatch_plan.h"

#include <algorithm>
#include <cmath>

namespace maspo {
namespace {

struct Part {
  Microbatch microbatch;
  int64_t tokens = 0;
  double cost = 0;
};

// A token attends to all before it.
double CostOf(int64_t before, int64_t tokens, double cost_of_pair) {
  const auto n = static_cast<double>(tokens);
  return n + cost_of_pair * n * (static_cast<double>(before) + n / 2);
}

}  // namespace

std::vector<Microbatch> PlanMicrobatches(const std::vector<GroupSize>& groups, const MicrobatchLimits& limits) {
  const auto of_prompt = [&](const GroupSize& group) { return CostOf(0, group.prompt_tokens, limits.cost_of_pair); };
  const auto of_response = [&](const GroupSize& group, size_t r) {
    return CostOf(group.prompt_tokens, group.response_tokens[r], limits.cost_of_pair);
  };
  double total = 0;
  int64_t tokens = 0;
  for (const GroupSize& group : groups) {
    bool has_prompt = false;
    for (size_t r = 0; r < group.response_tokens.size(); ++r) {
      if (group.skip[r]) continue;
      total += of_response(group, r) + (has_prompt ? 0 : of_prompt(group));
      tokens += group.response_tokens[r] + (has_prompt ? 0 : group.prompt_tokens);
      has_prompt = true;
    }
  }
  const auto by_tokens = static_cast<double>((tokens + limits.max_tokens - 1) / limits.max_tokens);
  const auto wanted = std::max<double>(by_tokens, limits.at_least);
  const double share = total / wanted;

  std::vector<Part> parts;
  double cost_before = 0;  // Of all earlier parts.
  for (int g = 0; g < static_cast<int>(groups.size()); ++g) {
    const GroupSize& group = groups[g];
    for (int r = 0; r < static_cast<int>(group.response_tokens.size()); ++r) {
      if (group.skip[r]) continue;
      const double cost = of_response(group, r);
      const bool prompt_is_in = !parts.empty() && parts.back().microbatch.back().group == g;
      // The part that has more than half of the response, were the costs laid end to end, gets it; the last one what is
      // left, as prompts that are in two parts add to the costs.
      const bool is_full = parts.empty() ||
                           parts.back().tokens + group.response_tokens[r] + (prompt_is_in ? 0 : group.prompt_tokens) >
                               limits.max_tokens ||
                           (static_cast<double>(parts.size()) < wanted &&
                            cost_before + parts.back().cost + cost / 2 > share * static_cast<double>(parts.size()));
      if (is_full) {
        if (!parts.empty()) cost_before += parts.back().cost;
        parts.push_back({{{g, {r}}}, group.prompt_tokens + group.response_tokens[r], of_prompt(group) + cost});
        continue;
      }
      Part& part = parts.back();
      if (!prompt_is_in) {
        part.microbatch.push_back({g, {}});
        part.tokens += group.prompt_tokens;
        part.cost += of_prompt(group);
      }
      part.microbatch.back().responses.push_back(r);
      part.tokens += group.response_tokens[r];
      part.cost += cost;
    }
  }
  std::stable_sort(parts.begin(), parts.end(), [](const Part& a, const Part& b) { return a.cost > b.cost; });
  std::vector<Microbatch> microbatches;
  for (Part& part : parts) microbatches.push_back(std::move(part.microbatch));
  return microbatches;
}

}  // namespace maspo
