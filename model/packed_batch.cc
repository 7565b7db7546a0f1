#include "model/packed_batch.h"

#include "services/base/status_macros.h"

namespace maspo {

PackedLayout PackedLayout::Of(const std::vector<PackedGroup>& groups) {
  PackedLayout layout;
  int64_t num_responses = 0;
  // Appends the fed tokens of a sequence that starts at `position`.
  const auto append = [&layout](const std::vector<int64_t>& ids, size_t count, int64_t position) {
    for (size_t i = 0; i < count; ++i) {
      layout.ids_T.push_back(ids[i]);
      layout.positions_T.push_back(position + static_cast<int64_t>(i));
    }
  };
  for (const PackedGroup& group : groups) {
    MASPO_CHECK(!group.prompt.empty());
    const int64_t prompt_begin = layout.ids_T.size(), prompt_length = group.prompt.size();
    append(group.prompt, group.prompt.size(), 0);
    layout.prompt_segments.push_back({.begin = prompt_begin, .length = prompt_length});
    layout.prompt_lengths.push_back(prompt_length);
    for (const std::vector<int64_t>& response : group.responses) {
      const int64_t response_index = num_responses++;
      if (response.empty()) continue;
      const int64_t begin = layout.ids_T.size(), fed = static_cast<int64_t>(response.size()) - 1;
      append(response, fed, prompt_length);
      // The prompt's last token predicts the first response token.
      for (size_t i = 0; i < response.size(); ++i) {
        layout.predictor_N.push_back(i == 0 ? prompt_begin + prompt_length - 1 : begin + static_cast<int64_t>(i) - 1);
        layout.target_N.push_back(response[i]);
        layout.response_N.push_back(response_index);
      }
      if (fed > 0) layout.response_segments.push_back({begin, fed, prompt_begin, prompt_length});
    }
  }
  return layout;
}

}  // namespace maspo
