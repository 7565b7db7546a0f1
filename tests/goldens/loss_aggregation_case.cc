// Checks the aggregations against a case: loss and weight of a response's tokens, one result a mode and options.
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "learner/objectives/loss_aggregation.h"
#include "services/base/status_macros.h"
#include "tests/goldens/golden_names.h"
#include "tests/goldens/golden_runner.h"

namespace maspo {
namespace {

using nlohmann::json;

struct Responses {
  MiniBatchShape shape;
  std::vector<double> loss_sums;  // Over each response's valid tokens.
};

Responses Read(const json& golden) {
  Responses responses;
  const json& mask = golden.at("inputs").at("response_mask");
  const json& losses = golden.at("inputs").at("loss_mat");
  responses.shape.group = golden.at("group").get<std::vector<int64_t>>();
  responses.shape.max_response_tokens = golden.at("shape").at(1).get<double>();
  for (size_t b = 0; b < mask.size(); ++b) {
    int64_t tokens = 0;
    double sum = 0;
    for (size_t t = 0; t < mask[b].size(); ++t) {
      if (mask[b][t].get<double>() == 0) continue;
      ++tokens;
      sum += losses[b][t].get<double>();
    }
    responses.shape.response_tokens.push_back(tokens);
    responses.loss_sums.push_back(sum);
  }
  return responses;
}

// What a trainer gets that averages each micro-batch and adds the averages: by equal parts, or by numbers of rows.
std::vector<double> AccumulatedWeights(v1::Aggregation aggregation, const MiniBatchShape& shape, const json& options) {
  const auto micro_batches = options.at("micro_batches").get<std::vector<std::vector<size_t>>>();
  const bool by_rows = options.at("weighting").get<std::string>() == "by_rows";
  std::vector<double> weights(shape.response_tokens.size(), 0.0);
  for (const std::vector<size_t>& rows : micro_batches) {
    MiniBatchShape part;
    part.max_response_tokens = shape.max_response_tokens;
    for (const size_t b : rows) {
      part.response_tokens.push_back(shape.response_tokens.at(b));
      part.group.push_back(shape.group.at(b));
    }
    const double share = by_rows ? static_cast<double>(rows.size()) / static_cast<double>(weights.size())
                                 : 1 / static_cast<double>(micro_batches.size());
    const std::vector<double> of_part = ResponseWeights(aggregation, part);
    for (size_t i = 0; i < rows.size(); ++i) weights[rows[i]] = share * of_part[i];
  }
  return weights;
}

absl::StatusOr<std::vector<double>> WeightsOf(MiniBatchShape shape, const json& result) {
  MASPO_ASSIGN_OR_RETURN(const v1::Aggregation aggregation,
                         Known<v1::Aggregation>(result.at("mode").get<std::string>()));
  const json& options = result.at("options");
  if (options.contains("micro_batches")) return AccumulatedWeights(aggregation, shape, options);
  for (const auto& [name, value] : options.items()) {
    if (value.is_null()) continue;
    if (name == "batch_num_tokens") {
      shape.all_tokens = value.get<double>();
    } else if (name == "global_batch_size") {
      shape.all_responses = value.get<double>();
    } else if (name == "dp_size") {
      shape.averaged_ranks = value.get<double>();
    } else if (name == "loss_scale_factor") {
      shape.max_response_tokens = value.get<double>();
    } else {
      return absl::InvalidArgumentError(absl::StrCat("unknown option ", name));
    }
  }
  return ResponseWeights(aggregation, shape);
}

absl::Status CheckResult(const Responses& responses, double loss_scale, const json& result) {
  MASPO_ASSIGN_OR_RETURN(const std::vector<double> weights, WeightsOf(responses.shape, result));
  const auto want = result.at("grad_coefficient_per_response").get<std::vector<double>>();
  const std::string what = absl::StrCat(result.at("mode").get<std::string>(), " ", result.at("options").dump());
  double loss = 0, scale = 0;
  for (size_t b = 0; b < want.size(); ++b) {
    if (!(std::abs(weights.at(b) - want[b]) <= 1e-5 * std::abs(want[b]))) {
      return absl::FailedPreconditionError(
          absl::StrCat(what, ": weight of response ", b, " is ", weights[b], ", expected ", want[b]));
    }
    loss += weights[b] * responses.loss_sums[b];
    scale += weights[b] * loss_scale * static_cast<double>(responses.shape.response_tokens[b]);
  }
  const double want_loss = result.at("loss").get<double>();
  if (std::abs(loss - want_loss) <= 1e-5 * std::max(std::abs(want_loss), scale)) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(what, ": loss is ", loss, ", expected ", want_loss));
}

}  // namespace

absl::Status CheckLossAggregationCase(const std::string&, const json& golden) {
  const Responses responses = Read(golden);
  for (const json& result : golden.at("expected").at("results")) {
    MASPO_RETURN_IF_ERROR(CheckResult(responses, golden.at("expected").at("loss_mat_mean_abs").get<double>(), result));
  }
  return absl::OkStatus();
}

}  // namespace maspo
