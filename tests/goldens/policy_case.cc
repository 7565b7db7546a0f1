// Checks an objective against a case: loss, gradient, gate, metrics, and what its file expects besides.
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "learner/metrics/metric_catalog.h"
#include "learner/objectives/policy_measurement.h"
#include "services/base/status_macros.h"
#include "tests/goldens/golden_names.h"
#include "tests/goldens/golden_runner.h"
#include "tests/goldens/golden_tensors.h"
#include "tests/goldens/policy_case_extras.h"

namespace maspo {
namespace {

using nlohmann::json;

ClipMeasure MeasureOf(const json& params) {
  ClipMeasure measure;
  measure.low = params.value("metric_clip_low", measure.low);
  measure.high = params.value("metric_clip_high", measure.high);
  measure.dual = params.value("metric_clip_c", measure.dual);
  return measure;
}

}  // namespace

absl::Status CheckPolicyCase(const std::string& name, const json& golden) {
  const json& params = golden.at("params");
  const json& expected = golden.at("expected");
  const json& mask = golden.at("inputs").at("response_mask");
  MASPO_ASSIGN_OR_RETURN(const v1::ObjectiveConfig config, ConfigOf(name, params));
  MASPO_ASSIGN_OR_RETURN(auto objective, MakeObjective(config));
  MASPO_ASSIGN_OR_RETURN(const v1::Aggregation aggregation, AggregationOf(params, *objective));
  const auto logprobs_T = Float32(ValidEntries(golden.at("inputs").at("log_prob"), mask)).requires_grad_();
  PackedCase packed = PackCase(golden, logprobs_T, aggregation);
  packed.in.entropy_T.requires_grad_();

  MASPO_ASSIGN_OR_RETURN(objective, BindToCase(std::move(objective), config, packed.in, golden));
  const ObjectiveOutputs out = objective->Evaluate(packed.in);
  const torch::Tensor loss = torch::sum(packed.weights_T * out.loss_T);
  loss.backward();

  MASPO_RETURN_IF_ERROR(CompareNumber("loss", loss.item<double>(), expected.at("loss").get<double>(),
                                      1e-5 * expected.at("loss_scale").get<double>()));
  MASPO_RETURN_IF_ERROR(Compare("gradient", logprobs_T.grad(), ValidEntries(expected.at("grad_log_prob"), mask),
                                expected.at("grad_rtol"), expected.at("grad_atol")));
  if (expected.contains("gate")) {
    MASPO_RETURN_IF_ERROR(Compare("gate", out.gate_T, ValidEntries(expected.at("gate"), mask), 0, 1e-5));
  }
  const PolicyMetrics metrics =
      MeasurePolicy(packed.in, out, logprobs_T.grad(), objective->traits().log_ratio_limit, MeasureOf(params));
  std::map<std::string, double> summary = ValuesOf(metrics);
  summary["entropy"] = torch::sum(packed.weights_T * packed.in.entropy_T).item<double>();  // Aggregated like the loss.
  MASPO_RETURN_IF_ERROR(CompareMetrics(expected.at("metrics"), summary));
  MASPO_RETURN_IF_ERROR(CompareMetrics(expected.value("extra_metrics", json::object()), summary));
  return CheckExtras(config, packed, out, golden);
}

}  // namespace maspo
