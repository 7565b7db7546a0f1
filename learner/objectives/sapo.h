#pragma once

#include "learner/objectives/objective.h"
#include "learner/objectives/parameter_reader.h"

namespace maspo {

// SAPO, soft adaptive policy optimization (arXiv 2511.20347; arXiv 2602.17550, Eq. 2). tau = tau_pos where A > 0, else
// tau_neg. Two forms of one gradient, p = sigmoid(tau (rho - 1)):
//
//   sapo        loss = -(4 / tau) p A, averaged by seq-mean-token-mean             (the original)
//   sapo_paper  loss = -sg[F] rho A with F = 4 p (1 - p), averaged by token-mean    (Eq. 2)
//
// unilateral gating (app. D.2, second form only) has F where the update moves with A, and 1 elsewhere.
class SapoObjective final : public PolicyObjective {
 public:
  enum class Form { kSigmoid, kGated };
  struct Parameters {
    Form form = Form::kSigmoid;
    double tau_pos = 1.0;
    double tau_neg = 1.05;
    v1::Gating gating = v1::GATING_BILATERAL;
    double log_ratio_clamp = 20;
  };

  static Parameters Read(ParameterReader& in, Form form);

  explicit SapoObjective(const Parameters& parameters);
  ObjectiveOutputs Evaluate(const ObjectiveInputs& in) const override;

 private:
  const Parameters parameters_;
};

}  // namespace maspo
