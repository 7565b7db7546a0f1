#include "tests/goldens/golden_tensors.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "services/base/status_macros.h"
#include "tests/goldens/golden_names.h"

namespace maspo {
namespace {

using nlohmann::json;

MiniBatchShape ShapeOf(const json& golden) {
  MiniBatchShape shape;
  const json& mask = golden.at("inputs").at("response_mask");
  shape.max_response_tokens = golden.at("shape").at(1).get<double>();
  for (const json& row : mask) {
    int64_t tokens = 0;
    for (const json& valid : row) tokens += valid.get<double>() != 0 ? 1 : 0;
    shape.response_tokens.push_back(tokens);
  }
  shape.group = golden.value("group", std::vector<int64_t>(mask.size(), 0));
  return shape;
}

}  // namespace

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

PackedCase PackCase(const json& golden, const torch::Tensor& logprobs_T, v1::Aggregation aggregation) {
  const json& inputs = golden.at("inputs");
  const json& mask = inputs.at("response_mask");
  const MiniBatchShape shape = ShapeOf(golden);
  const std::vector<double> weight_of = ResponseWeights(aggregation, shape);
  std::vector<int64_t> response;
  std::vector<double> weights;
  for (size_t b = 0; b < mask.size(); ++b) {
    response.insert(response.end(), shape.response_tokens[b], static_cast<int64_t>(b));
    weights.insert(weights.end(), shape.response_tokens[b], weight_of[b]);
  }
  const auto zeros_T = torch::zeros_like(logprobs_T.detach());
  const auto read = [&](const char* name) {
    return inputs.contains(name) ? Float32(ValidEntries(inputs.at(name), mask)) : zeros_T;
  };
  PackedCase packed;
  packed.in.logprobs_T = logprobs_T;
  packed.in.old_logprobs_T = read("old_log_prob");
  packed.in.advantages_T = read("advantages");
  packed.in.entropy_T = read("entropy");
  packed.in.reference_logprobs_T = read("ref_log_prob");
  packed.in.response_T = torch::tensor(response, torch::kLong);
  packed.in.num_responses = static_cast<int64_t>(mask.size());
  packed.in.key_T = torch::arange(logprobs_T.numel(), torch::kLong);
  packed.weights_T = Float32(weights);
  return packed;
}

absl::StatusOr<v1::Aggregation> AggregationOf(const json& params, const PolicyObjective& objective) {
  const auto mode = params.at("loss_agg_mode").get<std::string>();
  if (mode.find(' ') != mode.npos) return objective.traits().aggregation;
  return Known<v1::Aggregation>(mode);
}

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
          absl::StrCat(what, " of element ", t, " is ", got[t], ", expected ", want[t]));
    }
  }
  return absl::OkStatus();
}

absl::Status CompareNumber(const std::string& what, double got, double want, double absolute) {
  if (std::abs(got - want) <= absolute) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(what, " is ", got, ", expected ", want));
}

}  // namespace maspo
