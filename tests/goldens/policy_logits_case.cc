// Checks a whole loss from logits against a case: policy, KL penalty and entropy bonus together, down to the logits.
#include <cmath>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "learner/metrics/metric_catalog.h"
#include "learner/objectives/kl_penalty.h"
#include "learner/objectives/policy_measurement.h"
#include "model/logprobs.h"
#include "services/base/status_macros.h"
#include "tests/goldens/golden_names.h"
#include "tests/goldens/golden_runner.h"
#include "tests/goldens/golden_tensors.h"

namespace maspo {
namespace {

using nlohmann::json;

// The named objective with its own parameters (the one section in params) and the two terms.
absl::StatusOr<v1::ObjectiveConfig> ConfigOfLogitsCase(const json& params) {
  json own = json::object();
  for (const auto& [name, value] : params.items()) {
    if (value.is_object()) own = value;
  }
  MASPO_ASSIGN_OR_RETURN(v1::ObjectiveConfig config, ConfigOf(params.at("objective").get<std::string>(), own));
  config.set_entropy_coef(params.at("entropy_coef").get<double>());
  config.set_reference_kl_coef(params.at("kl_coef").get<double>());
  if (config.reference_kl_coef() > 0) {
    MASPO_ASSIGN_OR_RETURN(const v1::KlEstimate type, Known<v1::KlEstimate>(params.at("kl_type").get<std::string>()));
    config.set_reference_kl_type(type);
  }
  return config;
}

struct FromLogits {
  torch::Tensor logits;  // [B * W, V], carries the gradient.
  torch::Tensor logprobs_T, entropy_T;
};

// What the model says about the valid tokens, with the logits for its hidden states and the identity for its head.
FromLogits ReadLogits(const json& golden) {
  const json& inputs = golden.at("inputs");
  const json& mask = inputs.at("response_mask");
  FromLogits out;
  std::vector<double> flat;
  for (const json& row : inputs.at("logits")) {
    for (const json& z : row) flat.push_back(z.get<double>());
  }
  out.logits = Float32(flat).reshape({-1, golden.at("shape").at(2).get<int64_t>()}).requires_grad_();
  std::vector<int64_t> rows;  // Of valid tokens.
  int64_t row = 0;
  for (const json& mask_row : mask) {
    for (const json& valid : mask_row) {
      if (valid.get<double>() != 0) rows.push_back(row);
      ++row;
    }
  }
  const auto actions_T = torch::tensor(ValidEntries(inputs.at("actions"), mask), torch::kDouble).to(torch::kLong);
  const double temperature = golden.at("params").at("temperature").get<double>();
  const auto hidden_TV = out.logits.index_select(0, torch::tensor(rows, torch::kLong));
  const TokenLogprobs scored = LogprobsAndEntropy(hidden_TV, torch::eye(out.logits.size(1)), actions_T, temperature);
  out.logprobs_T = scored.logprobs_N;
  out.logprobs_T.retain_grad();
  out.entropy_T = scored.entropy_N;
  return out;
}

}  // namespace

absl::Status CheckPolicyLogitsCase(const std::string&, const json& golden) {
  const json& params = golden.at("params");
  const json& expected = golden.at("expected");
  const json& mask = golden.at("inputs").at("response_mask");
  MASPO_ASSIGN_OR_RETURN(const v1::ObjectiveConfig config, ConfigOfLogitsCase(params));
  MASPO_ASSIGN_OR_RETURN(const auto objective, MakeObjective(config));
  MASPO_ASSIGN_OR_RETURN(const v1::Aggregation aggregation, AggregationOf(params, *objective));
  const FromLogits from = ReadLogits(golden);
  PackedCase packed = PackCase(golden, from.logprobs_T, aggregation);
  packed.in.entropy_T = from.entropy_T;
  const ObjectiveOutputs out = objective->Evaluate(packed.in);
  const auto aggregate = [&](const torch::Tensor& x_T) { return torch::sum(packed.weights_T * x_T); };
  const auto loss = aggregate(out.loss_T);
  loss.backward();

  const double loss_tolerance = 1e-5 * expected.at("loss_scale").get<double>();
  const double grad_atol = expected.at("grad_atol").get<double>();
  double policy_loss = loss.item<double>() + config.entropy_coef() * aggregate(from.entropy_T).item<double>();
  if (expected.contains("kl_loss")) {
    MASPO_ASSIGN_OR_RETURN(const v1::KlEstimate estimate,
                           Known<v1::KlEstimate>(params.at("kl_type").get<std::string>()));
    const double kl = aggregate(KlPenalty(estimate, from.logprobs_T, packed.in.reference_logprobs_T)).item<double>();
    MASPO_RETURN_IF_ERROR(
        CompareNumber("kl_loss", kl, expected.at("kl_loss").get<double>(), loss_tolerance + 1e-5 * std::abs(kl)));
    policy_loss -= config.reference_kl_coef() * kl;
  }
  MASPO_RETURN_IF_ERROR(CompareNumber("loss", loss.item<double>(), expected.at("loss").get<double>(), loss_tolerance));
  MASPO_RETURN_IF_ERROR(
      CompareNumber("policy_loss", policy_loss, expected.at("policy_loss").get<double>(), loss_tolerance));
  MASPO_RETURN_IF_ERROR(
      CompareNumber("entropy", aggregate(from.entropy_T).item<double>(), expected.at("entropy").get<double>(), 1e-5));
  MASPO_RETURN_IF_ERROR(Compare("log_prob", from.logprobs_T, ValidEntries(expected.at("log_prob"), mask), 1e-5, 1e-5));
  MASPO_RETURN_IF_ERROR(
      Compare("token_entropy", from.entropy_T, ValidEntries(expected.at("token_entropy"), mask), 1e-5, 1e-5));
  std::vector<double> grad_logits;
  for (const json& row : expected.at("grad_logits")) {
    for (const json& g : row) grad_logits.push_back(g.get<double>());
  }
  MASPO_RETURN_IF_ERROR(Compare("gradient", from.logits.grad(), grad_logits, 1e-5, grad_atol));
  const PolicyMetrics metrics =
      MeasurePolicy(packed.in, out, from.logprobs_T.grad(), objective->traits().log_ratio_limit);
  return CompareMetrics(expected.at("metrics"), ValuesOf(metrics));
}

}  // namespace maspo
