#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <ostream>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace maspo {

// Checks the code against reference cases: JSON files of schema objectives/1, each with the cases of one objective.
struct GoldenTally {
  int passed = 0;
  int failed = 0;
  int unknown = 0;  // Cases of objectives that are not implemented.
};

// Runs every case of every such file in `folder`, in order of file name; prints one line a case and the tally. Files of
// another schema are skipped. NotFound: no such folder, or no reference file in it. InvalidArgument: a file that is not
// valid JSON.
absl::StatusOr<GoldenTally> RunGoldens(const std::string& folder, std::ostream& out);

// Ok when the code reproduces the case; else what differs first. Throws nlohmann's exceptions on a malformed case.
using GoldenCheck = std::function<absl::Status(const std::string& objective, const nlohmann::json& golden)>;

absl::Status CheckPolicyCase(const std::string& objective, const nlohmann::json& golden);
absl::Status CheckPolicyLogitsCase(const std::string& objective, const nlohmann::json& golden);
absl::Status CheckKlPenaltyCase(const std::string& objective, const nlohmann::json& golden);
absl::Status CheckLossAggregationCase(const std::string& objective, const nlohmann::json& golden);
absl::Status CheckAdvantageCase(const std::string& estimator, const nlohmann::json& golden);

}  // namespace maspo
