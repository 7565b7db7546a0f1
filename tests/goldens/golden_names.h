#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proto/run_config.pb.h"
#include "services/base/spelling.h"

namespace maspo {

// The value of an enumeration that a case names. InvalidArgument: there is none.
template <typename Enum>
absl::StatusOr<Enum> Known(const std::string& name) {
  if (const std::optional<Enum> value = FromSpelling<Enum>(name)) return *value;
  return absl::InvalidArgumentError("unknown value " + name);
}

// The reference cases' names of objectives, parameters and metrics, in our words.

// The objective with the parameters of a case: null = off.
absl::StatusOr<v1::ObjectiveConfig> ConfigOf(const std::string& objective, const nlohmann::json& params);

// Metrics under the names that the cases have for them.
absl::Status CompareMetrics(const nlohmann::json& expected, const std::map<std::string, double>& summary);

}  // namespace maspo
