#pragma once

#include <string_view>

#include "absl/status/status.h"

namespace maspo {

// InvalidArgument "learner.objective.NAME must be ..., not VALUE" unless it holds; NaN never does.
absl::Status RequirePositive(std::string_view name, double value);
absl::Status RequireGreater(std::string_view name, double value, double bound);
absl::Status RequireAtLeast(std::string_view name, double value, double bound);
absl::Status RequireAtMost(std::string_view name, double value, double bound);

}  // namespace maspo
