#pragma once

#include <functional>
#include <vector>

#include "absl/types/span.h"
#include "learner/advantage/advantage_estimator.h"

namespace maspo {

// What the estimators are composed of.

// The score of a response: all its rewards, also those outside the mask.
std::vector<double> Scores(const AdvantageInputs& in);

// One number a response from the scores of its group, which come with their members' indices into `in`.
using GroupRule = std::function<std::vector<double>(absl::Span<const double> scores, absl::Span<const size_t> members)>;
std::vector<double> ByGroup(const AdvantageInputs& in, const GroupRule& rule);

// Scores less their mean; exactly 0 where all are equal, also where their mean rounds to another number. A lone score
// has nothing to be compared with and stays.
std::vector<double> Centred(absl::Span<const double> scores);

// Every token of a response gets the response's number.
std::vector<std::vector<double>> SpreadOverTokens(const std::vector<double>& per_response, const AdvantageInputs& in);

// (x - mean) / sqrt(variance + 1e-8) over all tokens, the variance with N - 1 in the denominator; 0 outside the mask.
void Whiten(std::vector<std::vector<double>>& x, const AdvantageInputs& in);

}  // namespace maspo
