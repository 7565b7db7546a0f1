#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "absl/status/statusor.h"
#include "reward_server/verification/answer_verifier.h"

namespace maspo {

// How a pair is read and compared, from the object that a line of JSON carries as "options":
//
//   rules                  "default" or "prime_math", to which the others mean nothing
//   targets, gold_targets  what is looked for: any of "latex", "expr", "string"; gold_targets default to targets
//   boxed_priority         0, 50 or 100; -1: boxes do not count
//   decimal_places         to which decimals are compared
//   strict                 names of variables matter
//   relations_as_sets      an answer's inequality may equal a gold set
//   repair_malformed       \frac79, \sqrt7, x^(12)
//   strings, lowercase     the allowed answers of the target "string"
//
// InvalidArgument: begins with `where` and names the field.
absl::StatusOr<VerificationOptions> VerificationOptionsFrom(const nlohmann::json& object, const std::string& where);

}  // namespace maspo
