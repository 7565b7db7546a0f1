#include "learner/objectives/gmpo.h"

#include "learner/objectives/surrogate_parts.h"

namespace maspo {

GmpoObjective::Parameters GmpoObjective::Read(ParameterReader& in) {
  Parameters p;
  in.AtLeast("clip_low", p.clip_low, 0);
  in.AtLeast("clip_high", p.clip_high, 0);
  in.Greater("log_ratio_clamp", p.log_ratio_clamp, 0);
  return p;
}

ObjectiveOutputs GmpoObjective::Evaluate(const ObjectiveInputs& in) const {
  const auto& advantages_T = in.advantages_T;
  const double limit = parameters_.log_ratio_clamp;
  const auto d_T = torch::clamp(in.logprobs_T - in.old_logprobs_T, -limit, limit);
  const auto clipped_d_T = torch::clamp(d_T, -parameters_.clip_low, parameters_.clip_high);
  const auto sign_T = torch::sign(advantages_T);
  const auto limited_T = sign_T * torch::minimum(sign_T * d_T, sign_T * clipped_d_T);
  const auto loss_R = -ResponseMean(advantages_T, in) * torch::exp(ResponseMean(limited_T, in));

  const auto outside_T = d_T.detach() != clipped_d_T.detach();
  const auto gated_T = torch::logical_and(outside_T, MovedWithAdvantage(torch::exp(d_T.detach()), advantages_T));
  return {.loss_T = loss_R.index_select(0, in.response_T),
          .gate_T = torch::logical_not(gated_T).to(d_T.dtype()),
          .gated_T = gated_T,
          .clipped_T = torch::logical_and(outside_T, advantages_T > 0),
          .clipped_lower_T = torch::logical_and(outside_T, advantages_T < 0)};
}

}  // namespace maspo
