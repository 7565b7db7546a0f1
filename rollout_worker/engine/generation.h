#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "model/model_config.h"
#include "proto/prompt.pb.h"
#include "proto/trajectory.pb.h"
#include "rollout_worker/engine/stream_key.h"

namespace maspo {

// One prompt to sample `num_samples` responses for.
struct GenerationRequest {
  std::string request_id;                 // Unique among the requests in flight.
  std::vector<int64_t> prompt_token_ids;  // [P], at least one.
  uint32_t num_samples = 1;
  v1::SamplingParameters sampling;
  StreamKey stream;
};

// One finished response. R = number of its tokens.
struct GeneratedResponse {
  std::string request_id;
  uint32_t sample_index = 0;
  std::vector<int64_t> token_ids;      // [R], the stop token included.
  std::vector<float> logprobs;         // [R], nats, of the distribution sampled from; untempered when temperature is 0.
  std::vector<float> policy_logprobs;  // [R] the same without top_p and top_k; empty if neither is on.
  std::vector<v1::PolicyVersionRun> version_runs;
  v1::FinishReason finish_reason = v1::FINISH_REASON_UNSPECIFIED;
  absl::Time first_token_time;
};

// Tokens a response of this request may have: max_new_tokens, or fewer where the model's positions end. The last token
// is never fed, so a prompt that fills every position still gets one.
int64_t MaxResponseTokens(const GenerationRequest& request, const ModelConfig& config);

// InvalidArgument, one sentence: no prompt, no sample, a token id outside the vocabulary, a bad sampling parameter, a
// prompt longer than the model's positions, or prompt and response longer than the cache.
absl::Status CheckRequest(const GenerationRequest& request, const ModelConfig& config, int64_t kv_cache_tokens);

}  // namespace maspo
