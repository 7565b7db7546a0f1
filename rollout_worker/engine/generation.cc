#include "rollout_worker/engine/generation.h"

#include <algorithm>

#include "services/base/sampling_check.h"
#include "services/base/status_macros.h"

namespace maspo {

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
  MASPO_RETURN_IF_ERROR(CheckSampling(request.sampling, config.vocab_size));
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
