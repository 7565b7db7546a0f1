#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "proto/prompt.pb.h"

namespace maspo {

// What workers can sample with: asked when a run is configured, and again by the engine for every request.

// Of a temperature that is not 0 (greedy): below a thousandth, logits / temperature leaves float32's range.
inline constexpr double kLowestTemperature = 1e-3, kHighestTemperature = 1e3;

// InvalidArgument, one sentence: a parameter out of range, or a stop token outside the vocabulary.
absl::Status CheckSampling(const v1::SamplingParameters& sampling, int64_t vocab_size);

}  // namespace maspo
