#include "learner/objectives/parameter_checks.h"

#include <string>

#include "absl/strings/str_cat.h"

namespace maspo {
namespace {

absl::Status Require(bool holds, std::string_view name, double value, const std::string& wanted) {
  if (holds) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("learner.objective.", std::string(name), " must be ", wanted, ", not ", value));
}

}  // namespace

absl::Status RequirePositive(std::string_view name, double value) { return RequireGreater(name, value, 0); }

absl::Status RequireGreater(std::string_view name, double value, double bound) {
  return Require(value > bound, name, value, absl::StrCat("greater than ", bound));
}

absl::Status RequireAtLeast(std::string_view name, double value, double bound) {
  return Require(value >= bound, name, value, absl::StrCat("at least ", bound));
}

absl::Status RequireAtMost(std::string_view name, double value, double bound) {
  return Require(value <= bound, name, value, absl::StrCat("at most ", bound));
}

}  // namespace maspo
