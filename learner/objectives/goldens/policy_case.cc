#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "learner/objectives/goldens/golden_runner.h"
#include "learner/objectives/loss_aggregation.h"
#include "learner/objectives/policy_metrics.h"
#include "services/base/status_macros.h"

// Checks an objective against a case: loss, gradient, gate and metrics. B rows, W columns, T valid tokens.
namespace maspo {
namespace {

using nlohmann::json;

// Parameters that are named otherwise in the configuration.
const std::map<std::string, std::string>& ConfigNames() {
  static const auto& names = *new std::map<std::string, std::string>{{"clip_c", "dual_clip"}};
  return names;
}

// Parameters of the case, not of the objective.
bool IsCaseParameter(const std::string& name) { return name == "loss_agg_mode" || name.starts_with("metric_"); }

absl::StatusOr<std::unique_ptr<PolicyObjective>> ObjectiveOf(const std::string& name, const json& params) {
  v1::ObjectiveConfig config;
  config.set_name(name);
  for (const auto& [key, value] : params.items()) {
    if (IsCaseParameter(key) || value.is_null()) continue;
    const auto renamed = ConfigNames().find(key);
    const std::string field_name = renamed == ConfigNames().end() ? key : renamed->second;
    const auto* field = config.GetDescriptor()->FindFieldByName(field_name);
    if (field == nullptr) return absl::InvalidArgumentError(absl::StrCat("unknown parameter ", key));
    config.GetReflection()->SetDouble(&config, field, value.get<double>());
  }
  return MakeObjective(config);
}

PolicyObjective::ClipBounds BoundsOf(const PolicyObjective& objective, const json& params) {
  PolicyObjective::ClipBounds bounds = objective.clip_bounds();
  bounds.low = params.value("metric_clip_low", bounds.low);
  bounds.high = params.value("metric_clip_high", bounds.high);
  bounds.dual = params.value("metric_clip_c", bounds.dual);
  return bounds;
}

// The entries of a B x W matrix where the mask is 1, row by row.
std::vector<double> ValidEntries(const json& matrix, const json& mask) {
  std::vector<double> valid;
  for (size_t b = 0; b < mask.size(); ++b) {
    for (size_t t = 0; t < mask[b].size(); ++t) {
      if (mask[b][t].get<double>() != 0) valid.push_back(matrix.at(b).at(t).get<double>());
    }
  }
  return valid;
}

torch::Tensor Float32(const std::vector<double>& values) {
  return torch::tensor(values, torch::kDouble).to(torch::kFloat);
}

struct PackedCase {
  ObjectiveInputs in;
  torch::Tensor weights_T;
};

absl::StatusOr<PackedCase> Pack(const json& golden) {
  const json& inputs = golden.at("inputs");
  const json& mask = inputs.at("response_mask");
  MASPO_ASSIGN_OR_RETURN(const LossAggregation aggregation,
                         ParseLossAggregation(golden.at("params").at("loss_agg_mode").get<std::string>()));
  MiniBatchShape shape;
  shape.group = golden.at("group").get<std::vector<int64_t>>();
  shape.max_response_tokens = golden.at("shape").at(1).get<int64_t>();
  for (const json& row : mask) {
    int64_t tokens = 0;
    for (const json& valid : row) tokens += valid.get<double>() != 0 ? 1 : 0;
    shape.response_tokens.push_back(tokens);
  }
  const std::vector<double> weight_of = ResponseWeights(aggregation, shape);
  std::vector<int64_t> response;
  std::vector<double> weights;
  for (size_t b = 0; b < mask.size(); ++b) {
    response.insert(response.end(), shape.response_tokens[b], static_cast<int64_t>(b));
    weights.insert(weights.end(), shape.response_tokens[b], weight_of[b]);
  }
  PackedCase packed;
  packed.in.logprobs_T = Float32(ValidEntries(inputs.at("log_prob"), mask)).requires_grad_();
  packed.in.old_logprobs_T = Float32(ValidEntries(inputs.at("old_log_prob"), mask));
  packed.in.advantages_T = Float32(ValidEntries(inputs.at("advantages"), mask));
  packed.in.entropy_T = inputs.contains("entropy") ? Float32(ValidEntries(inputs.at("entropy"), mask))
                                                   : torch::zeros_like(packed.in.old_logprobs_T);
  packed.in.response_T = torch::tensor(response, torch::kLong);
  packed.in.num_responses = static_cast<int64_t>(mask.size());
  packed.weights_T = Float32(weights);
  return packed;
}

// |got - want| <= relative * |want| + absolute for every element; NaN never is.
absl::Status Compare(const std::string& what, const torch::Tensor& got_T, const std::vector<double>& want,
                     double relative, double absolute) {
  const auto got64_T = got_T.detach().to(torch::kDouble).contiguous();
  if (got64_T.numel() != static_cast<int64_t>(want.size())) {
    return absl::FailedPreconditionError(absl::StrCat(what, " has ", got64_T.numel(), " elements, not ", want.size()));
  }
  const double* got = got64_T.const_data_ptr<double>();
  for (size_t t = 0; t < want.size(); ++t) {
    if (!(std::abs(got[t] - want[t]) <= relative * std::abs(want[t]) + absolute)) {
      return absl::FailedPreconditionError(
          absl::StrCat(what, " of valid token ", t, " is ", got[t], ", expected ", want[t]));
    }
  }
  return absl::OkStatus();
}

absl::Status CompareMetrics(const json& expected, const PolicyMetrics& metrics) {
  const std::map<std::string, double> measured = metrics.Summary();
  for (const auto& [name, value] : expected.items()) {
    const auto it = measured.find(name);
    if (it == measured.end()) return absl::FailedPreconditionError(absl::StrCat("metric ", name, " is not measured"));
    const double want = value.get<double>();
    if (!(std::abs(it->second - want) <= 1e-5 * std::max(1.0, std::abs(want)))) {
      return absl::FailedPreconditionError(absl::StrCat("metric ", name, " is ", it->second, ", expected ", want));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckPolicyCase(const std::string& objective_name, const json& golden) {
  const json& expected = golden.at("expected");
  const json& mask = golden.at("inputs").at("response_mask");
  MASPO_ASSIGN_OR_RETURN(const auto objective, ObjectiveOf(objective_name, golden.at("params")));
  MASPO_ASSIGN_OR_RETURN(const PackedCase packed, Pack(golden));
  const ObjectiveOutputs out = objective->Evaluate(packed.in);
  const torch::Tensor loss = torch::sum(packed.weights_T * out.loss_T);
  loss.backward();

  MASPO_RETURN_IF_ERROR(Compare("loss", loss.reshape({1}), {expected.at("loss").get<double>()}, 0,
                                1e-5 * expected.at("loss_scale").get<double>()));
  MASPO_RETURN_IF_ERROR(Compare("gradient", packed.in.logprobs_T.grad(),
                                ValidEntries(expected.at("grad_log_prob"), mask), expected.at("grad_rtol"),
                                expected.at("grad_atol")));
  if (expected.contains("gate")) {
    MASPO_RETURN_IF_ERROR(Compare("gate", out.gate_T, ValidEntries(expected.at("gate"), mask), 0, 1e-5));
  }
  const PolicyMetrics metrics = MeasurePolicy(packed.in, out, BoundsOf(*objective, golden.at("params")));
  MASPO_RETURN_IF_ERROR(CompareMetrics(expected.at("metrics"), metrics));
  return CompareMetrics(expected.value("extra_metrics", json::object()), metrics);
}

}  // namespace maspo
