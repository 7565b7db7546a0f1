#include "learner/objectives/regularized_objective.h"

#include <utility>

namespace maspo {

RegularizedObjective::RegularizedObjective(std::unique_ptr<PolicyObjective> objective, const ObjectiveTraits& traits,
                                           Term term)
    : PolicyObjective(traits), objective_(std::move(objective)), term_(std::move(term)) {}

ObjectiveOutputs RegularizedObjective::Evaluate(const ObjectiveInputs& in) const {
  ObjectiveOutputs out = objective_->Evaluate(in);
  out.loss_T = out.loss_T + term_(in);
  return out;
}

std::unique_ptr<PolicyObjective> RegularizedObjective::BoundTo(const ObjectiveInputs& mini_batch) const {
  auto bound = objective_->BoundTo(mini_batch);
  if (bound == nullptr) return nullptr;
  return std::make_unique<RegularizedObjective>(std::move(bound), traits(), term_);
}

}  // namespace maspo
