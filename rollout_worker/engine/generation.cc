#include "rollout_worker/engine/generation.h"

#include <algorithm>

#include "services/base/status_macros.h"

namespace maspo {

absl::Status CheckSampling(const v1::SamplingParameters& sampling, const ModelConfig& config) {
  // Below a thousandth, logits / temperature leaves float32's range.
  const float t = sampling.temperature();
  if (!(t == 0 || (t >= 1e-3f && t <= 1e3f))) {
    return absl::InvalidArgumentError(absl::StrCat("temperature ", t, " must be 0 (greedy) or within 0.001 .. 1000"));
  }
  if (!(sampling.top_p() > 0 && sampling.top_p() <= 1)) {
    return absl::InvalidArgumentError(absl::StrCat("top_p ", sampling.top_p(), " must be above 0 and at most 1 (off)"));
  }
  if (sampling.max_new_tokens() == 0) return absl::InvalidArgumentError("max_new_tokens must be at least 1");
  for (const uint32_t id : sampling.stop_token_ids()) {
    if (id >= config.vocab_size) {
      return absl::InvalidArgumentError(
          absl::StrCat("stop token id ", id, " is outside the model's vocabulary of ", config.vocab_size));
    }
  }
  return absl::OkStatus();
}

int64_t MaxResponseTokens(const GenerationRequest& request, const ModelConfig& config) {
  const int64_t positions_left = config.max_position_embeddings - static_cast<int64_t>(request.prompt_token_ids.size());
  return std::min<int64_t>(request.sampling.max_new_tokens(), positions_left + 1);
}

absl::Status CheckRequest(const GenerationRequest& request, const ModelConfig& config, int64_t kv_cache_tokens) {
  const int64_t prompt_tokens = request.prompt_token_ids.size();
  if (prompt_tokens == 0) return absl::InvalidArgumentError("the prompt has no token");
  if (request.num_samples == 0) return absl::InvalidArgumentError("num_samples must be at least 1");
  for (const int64_t id : request.prompt_token_ids) {
    if (id < 0 || id >= config.vocab_size) {
      return absl::InvalidArgumentError(
          absl::StrCat("prompt token id ", id, " is outside the model's vocabulary of ", config.vocab_size));
    }
  }
  MASPO_RETURN_IF_ERROR(CheckSampling(request.sampling, config));
  if (prompt_tokens > config.max_position_embeddings) {
    return absl::InvalidArgumentError(absl::StrCat("the prompt has ", prompt_tokens,
                                                   " tokens, but the model takes at most ",
                                                   config.max_position_embeddings, " (max_position_embeddings)"));
  }
  const int64_t cached_tokens = prompt_tokens + MaxResponseTokens(request, config) - 1;
  if (cached_tokens > kv_cache_tokens) {
    return absl::InvalidArgumentError(absl::StrCat("a prompt of ", prompt_tokens, " tokens and ",
                                                   MaxResponseTokens(request, config),
                                                   " new ones do not fit into the KV cache of ", kv_cache_tokens,
                                                   " tokens; lower max_new_tokens or enlarge kv_cache_tokens"));
  }
  return absl::OkStatus();
}

}  // namespace maspo
