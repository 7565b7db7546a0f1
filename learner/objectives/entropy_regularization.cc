#include "learner/objectives/entropy_regularization.h"

#include <utility>

#include "learner/objectives/regularized_objective.h"

namespace maspo {

std::unique_ptr<PolicyObjective> WithEntropyBonus(std::unique_ptr<PolicyObjective> objective, double entropy_coef) {
  ObjectiveTraits traits = objective->traits();
  traits.every_response = true;
  return std::make_unique<RegularizedObjective>(
      std::move(objective), traits, [entropy_coef](const ObjectiveInputs& in) { return -entropy_coef * in.entropy_T; });
}

}  // namespace maspo
