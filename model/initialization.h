#pragma once

#include <cstdint>

#include "model/model_config.h"
#include "model/parameter_set.h"

namespace maspo {

// Fresh weights for training from nothing, the same for the same seed: norms 1, biases 0, embeddings N(0, 0.05),
// matrices N(0, 1/fan_in), those that write into the residual stream scaled by 1/sqrt(2 * layers) (GPT-2, section 2.3).
void InitializeRandomly(ParameterSet& parameters, const ModelConfig& config, uint64_t seed);

}  // namespace maspo
