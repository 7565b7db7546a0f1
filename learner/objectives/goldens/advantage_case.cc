#include <algorithm>
#include <cmath>
#include <map>
#include <vector>

#include "absl/strings/str_cat.h"
#include "learner/advantage/group_advantage.h"
#include "learner/objectives/goldens/golden_runner.h"
#include "services/base/status_macros.h"

// Checks an estimator that gives one advantage per response against a case.
namespace maspo {
namespace {

using nlohmann::json;

// The score of a response: its whole row, including a value outside the mask.
std::vector<double> Scores(const json& golden) {
  std::vector<double> scores;
  for (const json& row : golden.at("inputs").at("token_level_rewards")) {
    double score = 0;
    for (const json& reward : row) score += reward.get<double>();
    scores.push_back(score);
  }
  return scores;
}

// Advantages of every response, group by group.
std::vector<double> Compute(const GroupAdvantage& estimator, const std::vector<double>& scores,
                            const std::vector<int64_t>& group) {
  std::map<int64_t, std::vector<size_t>> members;
  for (size_t b = 0; b < group.size(); ++b) members[group[b]].push_back(b);
  std::vector<double> advantages(scores.size());
  for (const auto& [id, rows] : members) {
    std::vector<double> rewards;
    for (const size_t b : rows) rewards.push_back(scores.at(b));
    const std::vector<double> of_group = estimator.Compute(rewards);
    for (size_t i = 0; i < rows.size(); ++i) advantages[rows[i]] = of_group[i];
  }
  return advantages;
}

// The files hold what is left of an advantage on the tokens of its response: nothing, where there is no token.
void ZeroEmptyResponses(const json& mask, std::vector<double>& advantages) {
  for (size_t b = 0; b < advantages.size(); ++b) {
    const json& row = mask.at(b);
    if (std::all_of(row.begin(), row.end(), [](const json& m) { return m.get<double>() == 0; })) advantages[b] = 0;
  }
}

}  // namespace

absl::Status CheckGroupAdvantageCase(const std::string& estimator_name, const json& golden) {
  for (const auto& [normalization, expected] : golden.at("expected").at("advantages").items()) {
    v1::AdvantageConfig config;
    config.set_name(estimator_name.substr(estimator_name.find('_') + 1));  // adv_grpo -> grpo
    config.set_normalization(normalization);
    MASPO_ASSIGN_OR_RETURN(const auto estimator, MakeGroupAdvantage(config));
    std::vector<double> got = Compute(*estimator, Scores(golden), golden.at("group").get<std::vector<int64_t>>());
    ZeroEmptyResponses(golden.at("inputs").at("response_mask"), got);
    const std::vector<double> want = expected.get<std::vector<double>>();
    if (got.size() != want.size()) return absl::FailedPreconditionError("number of advantages differs");
    for (size_t b = 0; b < want.size(); ++b) {
      if (!(std::abs(got[b] - want[b]) <= 1e-5 * std::abs(want[b]) + 1e-5)) {
        return absl::FailedPreconditionError(
            absl::StrCat(normalization, " advantage of response ", b, " is ", got[b], ", expected ", want[b]));
      }
    }
  }
  return absl::OkStatus();
}

}  // namespace maspo
