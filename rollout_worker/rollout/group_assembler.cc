#include "rollout_worker/rollout/group_assembler.h"

#include <algorithm>
#include <utility>

namespace maspo {

void GroupAssembler::Begin(v1::PromptGroup prompt, absl::Time now) {
  const std::string id = prompt.group_id();
  groups_[id] = {std::move(prompt), {}, now};
}

std::optional<GeneratedGroup> GroupAssembler::Add(GeneratedResponse response, absl::Time now) {
  const auto it = groups_.find(response.request_id);
  if (it == groups_.end()) return std::nullopt;
  Partial& partial = it->second;
  const uint32_t sample_index = response.sample_index;
  partial.responses.insert_or_assign(sample_index, std::move(response));
  if (partial.responses.size() < partial.prompt.num_samples()) return std::nullopt;

  GeneratedGroup group;
  group.prompt = std::move(partial.prompt);
  absl::Time first_token_time = now;
  for (auto& [index, finished] : partial.responses) {
    first_token_time = std::min(first_token_time, finished.first_token_time);
    group.responses.push_back(std::move(finished));
  }
  group.generate_time = now - partial.start;
  group.prefill_time = first_token_time - partial.start;
  groups_.erase(it);
  return group;
}

std::vector<std::string> GroupAssembler::Clear() {
  std::vector<std::string> ids;
  for (const auto& [id, partial] : groups_) ids.push_back(id);
  groups_.clear();
  return ids;
}

}  // namespace maspo
