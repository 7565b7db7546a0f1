#include "tests/goldens/golden_runner.h"

#include <algorithm>
#include <exception>
#include <filesystem>
#include <map>
#include <vector>

#include "absl/strings/str_cat.h"
#include "services/base/atomic_file.h"
#include "services/base/status_macros.h"

namespace maspo {
namespace {

// What each objective's cases are checked with: one line an objective.
const std::map<std::string, GoldenCheck>& KnownChecks() {
  static const auto& checks = *new std::map<std::string, GoldenCheck>{
      {"maspo", CheckPolicyCase},
      {"maspo_ablations", CheckPolicyCase},
      {"grpo_clip", CheckPolicyCase},
      {"clip_higher", CheckPolicyCase},
      {"dac", CheckPolicyCase},
      {"entropy_reg", CheckPolicyCase},
      {"adv_reweighting", CheckPolicyCase},
      {"entropy_adv", CheckPolicyCase},
      {"bapo", CheckPolicyCase},
      {"sapo", CheckPolicyCase},
      {"sapo_paper", CheckPolicyCase},
      {"gspo", CheckPolicyCase},
      {"cispo", CheckPolicyCase},
      {"gmpo", CheckPolicyCase},
      {"clip_cov", CheckPolicyCase},
      {"kl_cov", CheckPolicyCase},
      {"policy_logits", CheckPolicyLogitsCase},
      {"kl_penalty", CheckKlPenaltyCase},
      {"loss_agg", CheckLossAggregationCase},
      {"adv_grpo", CheckAdvantageCase},
      {"adv_rloo", CheckAdvantageCase},
      {"adv_opo", CheckAdvantageCase},
      {"adv_reinforce_pp", CheckAdvantageCase},
      {"adv_reinforce_pp_baseline", CheckAdvantageCase},
      {"adv_remax", CheckAdvantageCase},
      {"adv_gae", CheckAdvantageCase},
  };
  return checks;
}

absl::Status CheckCase(const GoldenCheck& check, const std::string& objective, const nlohmann::json& golden) {
  try {
    return check(objective, golden);
  } catch (const std::exception& error) {  // A malformed case, or LibTorch.
    return absl::InvalidArgumentError(error.what());
  }
}

void RunFile(const nlohmann::json& file, std::ostream& out, GoldenTally& tally) {
  const std::string objective = file.at("objective");
  const auto check = KnownChecks().find(objective);
  for (const nlohmann::json& golden : file.at("cases")) {
    const std::string id = golden.at("id");
    if (check == KnownChecks().end()) {
      ++tally.unknown;
      out << "unknown " << id << "\n";
      continue;
    }
    const absl::Status status = CheckCase(check->second, objective, golden);
    ++(status.ok() ? tally.passed : tally.failed);
    out << (status.ok() ? "passed  " : "FAILED  ") << id;
    if (!status.ok()) out << ": " << std::string(status.message());
    out << "\n";
  }
}

absl::StatusOr<std::vector<std::string>> JsonFilesIn(const std::string& folder) {
  std::error_code error;
  std::vector<std::string> paths;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    if (entry.path().extension() == ".json") paths.push_back(entry.path().string());
  }
  if (error) return absl::NotFoundError(absl::StrCat("cannot read the folder ", folder, ": ", error.message()));
  std::sort(paths.begin(), paths.end());
  return paths;
}

}  // namespace

absl::StatusOr<GoldenTally> RunGoldens(const std::string& folder, std::ostream& out) {
  MASPO_ASSIGN_OR_RETURN(const std::vector<std::string> paths, JsonFilesIn(folder));
  GoldenTally tally;
  for (const std::string& path : paths) {
    MASPO_ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
    try {
      const nlohmann::json file = nlohmann::json::parse(text);
      if (file.is_object() && file.value("schema", "") == "objectives/1") RunFile(file, out, tally);
    } catch (const nlohmann::json::exception& error) {
      return absl::InvalidArgumentError(absl::StrCat(path, ": ", error.what()));
    }
  }
  if (tally.passed + tally.failed + tally.unknown == 0) {
    return absl::NotFoundError(absl::StrCat(folder, " holds no reference case (JSON of schema objectives/1)"));
  }
  out << tally.passed << " passed, " << tally.failed << " failed, " << tally.unknown << " unknown\n";
  return tally;
}

}  // namespace maspo
