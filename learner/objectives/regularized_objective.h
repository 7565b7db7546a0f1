#pragma once

#include <functional>
#include <memory>

#include "learner/objectives/objective.h"

namespace maspo {

// An objective with a term added to every token's loss: what regularizers are made of. The metrics are the objective's.
class RegularizedObjective final : public PolicyObjective {
 public:
  using Term = std::function<torch::Tensor(const ObjectiveInputs& in)>;  // [T]

  // `traits` are those of `objective` and what the term needs.
  RegularizedObjective(std::unique_ptr<PolicyObjective> objective, const ObjectiveTraits& traits, Term term);

  ObjectiveOutputs Evaluate(const ObjectiveInputs& in) const override;
  std::unique_ptr<PolicyObjective> BoundTo(const ObjectiveInputs& mini_batch) const override;

 private:
  const std::unique_ptr<PolicyObjective> objective_;
  const Term term_;
};

}  // namespace maspo
