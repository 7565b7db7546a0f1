#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace maspo {

// One response as the update sees it. R = number of response tokens; R may be 0.
struct TrainingResponse {
  std::vector<int64_t> token_ids;         // [R]
  std::vector<float> behavior_logprobs;   // [R], nats, by the policy that sampled, over the whole vocabulary.
  std::vector<float> old_logprobs;        // [R], nats, of the proximal policy: the weights at the start of the step.
  std::vector<float> reference_logprobs;  // [R], nats, of the frozen policy; only for objectives that ask for them.
  std::vector<float> advantages;          // [R]
  std::vector<float> correction;          // [R] factor on each token's loss (behavior_correction.h); empty = 1.
  bool rejected = false;                  // Left out of the update as if it had no token.
};

// The responses of one prompt.
struct TrainingGroup {
  std::string group_id;
  std::vector<int64_t> prompt;  // [P]
  std::vector<TrainingResponse> responses;
};

}  // namespace maspo
