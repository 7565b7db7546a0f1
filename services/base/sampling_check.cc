#include "services/base/sampling_check.h"

#include "absl/strings/str_cat.h"

namespace maspo {

absl::Status CheckSampling(const v1::SamplingParameters& sampling, int64_t vocab_size) {
  const float t = sampling.temperature();
  const auto lowest = static_cast<float>(kLowestTemperature), highest = static_cast<float>(kHighestTemperature);
  if (!(t == 0 || (t >= lowest && t <= highest))) {
    return absl::InvalidArgumentError(absl::StrCat("temperature ", t, " must be 0 (greedy) or within 0.001 .. 1000"));
  }
  if (!(sampling.top_p() > 0 && sampling.top_p() <= 1)) {
    return absl::InvalidArgumentError(absl::StrCat("top_p ", sampling.top_p(), " must be above 0 and at most 1 (off)"));
  }
  if (sampling.max_new_tokens() == 0) return absl::InvalidArgumentError("max_new_tokens must be at least 1");
  for (const uint32_t id : sampling.stop_token_ids()) {
    if (id < vocab_size) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("stop token id ", id,
                     " (eos_token_id of generation_config.json, else of config.json) is outside the model's "
                     "vocabulary of ",
                     vocab_size));
  }
  return absl::OkStatus();
}

}  // namespace maspo
