// Checks an advantage estimator against a case: one number a response, or advantages and returns of every token.
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "learner/advantage/advantage_estimator.h"
#include "services/base/status_macros.h"
#include "tests/goldens/golden_names.h"
#include "tests/goldens/golden_runner.h"

namespace maspo {
namespace {

using nlohmann::json;
using Matrix = std::vector<std::vector<double>>;

AdvantageInputs Read(const json& golden) {
  const json& inputs = golden.at("inputs");
  AdvantageInputs in;
  in.rewards = inputs.at("token_level_rewards").get<Matrix>();
  for (const json& row : inputs.at("response_mask")) {
    std::vector<bool>& is_token = in.is_token.emplace_back();
    for (const json& valid : row) is_token.push_back(valid.get<double>() != 0);
  }
  in.group = golden.at("group").get<std::vector<int64_t>>();
  in.values = inputs.value("values", Matrix());
  in.baselines = inputs.value("reward_baselines", std::vector<double>());
  return in;
}

// adv_grpo -> grpo, with the case's parameters.
absl::StatusOr<v1::AdvantageConfig> AdvantageConfigOf(const std::string& name, const json& params) {
  v1::AdvantageConfig config;
  MASPO_ASSIGN_OR_RETURN(const v1::Advantage estimator, Known<v1::Advantage>(name.substr(name.find('_') + 1)));
  config.set_name(estimator);
  for (const auto& [key, value] : params.items()) {
    if (key == "ddof" && value == 1) continue;  // What normalization std has.
    const auto* field = config.GetDescriptor()->FindFieldByName(key);
    if (field == nullptr) return absl::InvalidArgumentError(absl::StrCat("unknown parameter ", key, " ", value.dump()));
    config.GetReflection()->SetDouble(&config, field, value.get<double>());
  }
  return config;
}

absl::Status Compare(const std::string& what, const Matrix& got, const Matrix& want) {
  if (got.size() != want.size()) return absl::FailedPreconditionError(absl::StrCat("number of ", what, "s differs"));
  for (size_t i = 0; i < want.size(); ++i) {
    for (size_t t = 0; t < want[i].size(); ++t) {
      if (std::abs(got[i].at(t) - want[i][t]) <= 1e-5 * std::abs(want[i][t]) + 1e-5) continue;
      return absl::FailedPreconditionError(
          absl::StrCat(what, " ", t, " of response ", i, " is ", got[i][t], ", expected ", want[i][t]));
    }
  }
  return absl::OkStatus();
}

// Cases of estimators that give one number a response hold it once, 0 for a response without tokens; where there are
// several forms, by the form's name.
absl::Status CheckPerResponse(const v1::AdvantageConfig& config, const AdvantageInputs& in, const json& expected) {
  MASPO_ASSIGN_OR_RETURN(const auto estimator, MakeAdvantageEstimator(config));
  Matrix want;
  for (size_t i = 0; i < in.num_responses(); ++i) {
    std::vector<double>& row = want.emplace_back();
    for (const bool is_token : in.is_token[i]) row.push_back(is_token ? expected.at(i).get<double>() : 0);
  }
  return Compare(absl::StrCat(Spelling(config.normalization()), " advantage"), estimator->Compute(in).advantages, want);
}

absl::Status CheckForms(const v1::AdvantageConfig& config, const AdvantageInputs& in, const json& expected) {
  for (const auto& [normalization, advantages] : expected.items()) {
    v1::AdvantageConfig form = config;
    MASPO_ASSIGN_OR_RETURN(const v1::Normalization value, Known<v1::Normalization>(normalization));
    form.set_normalization(value);
    if (normalization != "std") form.clear_epsilon();
    MASPO_RETURN_IF_ERROR(CheckPerResponse(form, in, advantages));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckAdvantageCase(const std::string& name, const json& golden) {
  MASPO_ASSIGN_OR_RETURN(const v1::AdvantageConfig config, AdvantageConfigOf(name, golden.at("params")));
  const AdvantageInputs in = Read(golden);
  const json& expected = golden.at("expected").at("advantages");
  if (expected.is_object()) return CheckForms(config, in, expected);
  if (golden.at("expected").contains("layout")) return CheckPerResponse(config, in, expected);
  MASPO_ASSIGN_OR_RETURN(const auto estimator, MakeAdvantageEstimator(config));
  const Advantages got = estimator->Compute(in);
  MASPO_RETURN_IF_ERROR(Compare("advantage", got.advantages, expected.get<Matrix>()));
  return Compare("return", got.returns, golden.at("expected").at("returns").get<Matrix>());
}

}  // namespace maspo
