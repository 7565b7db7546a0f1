#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proto/run_config.pb.h"

namespace maspo {

// The reference cases' names of objectives, parameters and metrics, in our words.

// The objective with the parameters of a case: null = off.
absl::StatusOr<v1::ObjectiveConfig> ConfigOf(const std::string& objective, const nlohmann::json& params);

// Metrics under the names that the cases have for them.
absl::Status CompareMetrics(const nlohmann::json& expected, const std::map<std::string, double>& summary);

}  // namespace maspo
