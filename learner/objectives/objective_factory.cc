#include <algorithm>
#include <functional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "learner/objectives/grpo_clip.h"
#include "learner/objectives/maspo.h"
#include "learner/objectives/objective.h"
#include "services/base/status_macros.h"

namespace maspo {
namespace {

struct KnownObjective {
  std::string name;
  std::vector<std::string> parameters;  // Fields of ObjectiveConfig that it reads.
  absl::StatusOr<std::unique_ptr<PolicyObjective>> (*make)(const v1::ObjectiveConfig& config);
};

const std::vector<KnownObjective>& KnownObjectives() {
  static const auto& objectives = *new std::vector<KnownObjective>{
      {"maspo",
       {"sigma_base", "alpha", "beta_high", "beta_low", "mass_cap", "risk_low", "risk_high"},
       &MaspoObjective::Make},
      {"grpo_clip", {"clip_low", "clip_high", "dual_clip"}, &GrpoClipObjective::Make},
  };
  return objectives;
}

// A parameter that the objective would ignore is a mistake of the user.
absl::Status RefuseForeignParameters(const KnownObjective& objective, const v1::ObjectiveConfig& config) {
  std::vector<const google::protobuf::FieldDescriptor*> set_fields;
  config.GetReflection()->ListFields(config, &set_fields);
  for (const auto* field : set_fields) {
    if (field->name() == "name" ||
        std::count(objective.parameters.begin(), objective.parameters.end(), field->name())) {
      continue;
    }
    return absl::InvalidArgumentError(
        absl::StrCat("learner.objective.", field->name(), ": objective ", objective.name,
                     " has no such parameter (it has: ", absl::StrJoin(objective.parameters, ", "), ")"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<PolicyObjective>> MakeObjective(const v1::ObjectiveConfig& config) {
  std::vector<std::string> names;
  for (const KnownObjective& objective : KnownObjectives()) {
    names.push_back(objective.name);
    if (objective.name != config.name()) continue;
    MASPO_RETURN_IF_ERROR(RefuseForeignParameters(objective, config));
    return objective.make(config);
  }
  return absl::InvalidArgumentError(absl::StrCat("learner.objective.name: unknown objective \"", config.name(),
                                                 "\" (known: ", absl::StrJoin(names, ", "), ")"));
}

}  // namespace maspo
