#pragma once

#include <map>
#include <string>

#include "model/model_config.h"
#include "model/parameter_set.h"

namespace maspo {

// The parameters under the names that transformers gives them: rows of the fused matrices, sharing their storage.
std::map<std::string, torch::Tensor> HuggingFaceViews(const ModelConfig& config, const ParameterSet& parameters);

}  // namespace maspo
