#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace maspo {

// One response as the update sees it. R = number of response tokens; R may be 0.
struct TrainingResponse {
  std::vector<int64_t> token_ids;        // [R]
  std::vector<float> behavior_logprobs;  // [R], nats.
  std::vector<float> old_logprobs;       // [R], nats, of the proximal policy: the weights at the start of the step.
  double advantage = 0;
};

// The responses of one prompt.
struct TrainingGroup {
  std::string group_id;
  std::vector<int64_t> prompt;  // [P]
  std::vector<TrainingResponse> responses;
};

}  // namespace maspo
