#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "learner/objectives/objective.h"

namespace maspo {

// From the B x W matrices of a reference case to packed tensors of its T valid tokens, row by row, and back to words.

std::vector<double> ValidEntries(const nlohmann::json& matrix, const nlohmann::json& mask);
torch::Tensor Float32(const std::vector<double>& values);

struct PackedCase {
  ObjectiveInputs in;       // As far as the case's inputs go; entropy 0 where it has none.
  torch::Tensor weights_T;  // Of the loss, by the case's aggregation.
};

// `logprobs` and `aggregation` come with the case's kind.
PackedCase PackCase(const nlohmann::json& golden, const torch::Tensor& logprobs_T, v1::Aggregation aggregation);

// The case's loss_agg_mode, or the objective's own where it is a sentence.
absl::StatusOr<v1::Aggregation> AggregationOf(const nlohmann::json& params, const PolicyObjective& objective);

// |got - want| <= relative * |want| + absolute for every element; NaN never is.
absl::Status Compare(const std::string& what, const torch::Tensor& got_T, const std::vector<double>& want,
                     double relative, double absolute);
absl::Status CompareNumber(const std::string& what, double got, double want, double absolute);

}  // namespace maspo
