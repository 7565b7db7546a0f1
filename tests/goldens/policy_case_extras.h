#pragma once

#include <memory>
#include <nlohmann/json.hpp>

#include "tests/goldens/golden_tensors.h"

namespace maspo {

// The objective as the case evaluates it: bound to the case as its mini-batch. Clip-Cov drops the tokens that the case
// says were drawn, once its candidates and their number are as expected. FailedPrecondition: they are not.
absl::StatusOr<std::unique_ptr<PolicyObjective>> BindToCase(std::unique_ptr<PolicyObjective> objective,
                                                            const v1::ObjectiveConfig& config,
                                                            const ObjectiveInputs& in, const nlohmann::json& golden);

// What the files of single objectives expect besides loss, gradient, gate and metrics: bounds, selections, shaped
// advantages and so on. Called after backward.
absl::Status CheckExtras(const v1::ObjectiveConfig& config, const PackedCase& packed, const ObjectiveOutputs& out,
                         const nlohmann::json& golden);

}  // namespace maspo
