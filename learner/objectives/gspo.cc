#include "learner/objectives/gspo.h"

#include <limits>

#include "learner/objectives/surrogate_parts.h"

namespace maspo {
namespace {

constexpr double kLargestLogRatio = 10.0;  // Of a sequence, as in the reference code.
constexpr double kOff = std::numeric_limits<double>::infinity();

// [R], detached.
torch::Tensor MeanLogRatio(const ObjectiveInputs& in) {
  return ResponseMean(in.logprobs_T.detach() - in.old_logprobs_T, in);
}

}  // namespace

GspoObjective::Parameters GspoObjective::Read(ParameterReader& in) {
  Parameters p;
  in.AtLeast("clip_low", p.clip_low, 0);
  in.AtLeast("clip_high", p.clip_high, 0);
  return p;
}

// No ratio of a token goes through exp, so none is limited.
GspoObjective::GspoObjective(const Parameters& parameters)
    : PolicyObjective({.log_ratio_limit = kOff, .aggregation = v1::AGGREGATION_SEQ_MEAN_TOKEN_MEAN}),
      parameters_(parameters) {}

torch::Tensor GspoObjective::SequenceRatio(const ObjectiveInputs& in) const {
  return torch::exp(torch::clamp_max(MeanLogRatio(in), kLargestLogRatio));
}

ObjectiveOutputs GspoObjective::Evaluate(const ObjectiveInputs& in) const {
  const auto own_gradient_T = in.logprobs_T - in.logprobs_T.detach();  // 0, but for its gradient.
  const auto log_ratio_T = MeanLogRatio(in).index_select(0, in.response_T) + own_gradient_T;
  const auto ratio_T = torch::exp(torch::clamp_max(log_ratio_T, kLargestLogRatio));
  return ClippedSurrogate(ratio_T, in.advantages_T,
                          RatioBounds::Around1(parameters_.clip_low, parameters_.clip_high, /*dual=*/kOff));
}

}  // namespace maspo
