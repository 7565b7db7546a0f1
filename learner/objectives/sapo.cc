#include "learner/objectives/sapo.h"

#include "learner/objectives/surrogate_parts.h"

namespace maspo {

SapoObjective::Parameters SapoObjective::Read(ParameterReader& in, Form form) {
  Parameters p;
  p.form = form;
  in.Greater("tau_pos", p.tau_pos, 0);
  in.Greater("tau_neg", p.tau_neg, 0);
  if (form == Form::kGated) in.Choice("gating", p.gating);
  in.Require(p.gating != v1::GATING_NONE,
             "learner.objective.gating: sapo_paper has bilateral and unilateral, not none");
  in.Greater("log_ratio_clamp", p.log_ratio_clamp, 0);
  return p;
}

SapoObjective::SapoObjective(const Parameters& parameters)
    : PolicyObjective({.log_ratio_limit = parameters.log_ratio_clamp,
                       .aggregation = parameters.form == Form::kSigmoid ? v1::AGGREGATION_SEQ_MEAN_TOKEN_MEAN
                                                                        : v1::AGGREGATION_TOKEN_MEAN}),
      parameters_(parameters) {}

ObjectiveOutputs SapoObjective::Evaluate(const ObjectiveInputs& in) const {
  const auto ratio_T = Ratio(in);
  const auto& advantages_T = in.advantages_T;
  const auto tau_T = torch::where(advantages_T > 0, torch::full_like(advantages_T, parameters_.tau_pos),
                                  torch::full_like(advantages_T, parameters_.tau_neg));
  const auto x_T = tau_T * (ratio_T - 1);
  // 1 - p as sigmoid(-x), which keeps its digits where p is almost 1.
  auto gate_T = (4 * torch::sigmoid(x_T) * torch::sigmoid(-x_T)).detach();
  auto gated_T = torch::ones_like(advantages_T, torch::kBool);
  if (parameters_.gating == v1::GATING_UNILATERAL) {
    gated_T = MovedWithAdvantage(ratio_T, advantages_T);
    gate_T = torch::where(gated_T, gate_T, torch::ones_like(gate_T));
  }
  ObjectiveOutputs out = GatedSurrogate(gate_T, ratio_T, advantages_T);
  out.gated_T = gated_T;
  if (parameters_.form == Form::kSigmoid) out.loss_T = -4 / tau_T * torch::sigmoid(x_T) * advantages_T;
  return out;
}

}  // namespace maspo
