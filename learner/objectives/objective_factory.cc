#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "learner/objectives/advantage_reweighting.h"
#include "learner/objectives/aspo.h"
#include "learner/objectives/bapo.h"
#include "learner/objectives/cispo.h"
#include "learner/objectives/clip_cov.h"
#include "learner/objectives/dac.h"
#include "learner/objectives/entropy_advantage.h"
#include "learner/objectives/entropy_regularization.h"
#include "learner/objectives/gmpo.h"
#include "learner/objectives/gppo.h"
#include "learner/objectives/grpo_clip.h"
#include "learner/objectives/gspo.h"
#include "learner/objectives/kl_cov.h"
#include "learner/objectives/kl_penalty.h"
#include "learner/objectives/maspo.h"
#include "learner/objectives/objective.h"
#include "learner/objectives/sapo.h"
#include "services/base/status_macros.h"

namespace maspo {
namespace {

using Made = absl::StatusOr<std::unique_ptr<PolicyObjective>>;
using Config = v1::ObjectiveConfig;

template <typename Objective, typename Read>
Made MakeWith(const Config& config, Read read) {
  ParameterReader in(config);
  const typename Objective::Parameters parameters = read(in);
  MASPO_RETURN_IF_ERROR(in.Finish());
  return std::make_unique<Objective>(parameters);
}

template <typename Objective>
Made Make(const Config& config) {
  return MakeWith<Objective>(config, [](ParameterReader& in) { return Objective::Read(in); });
}

Made MakeClipHigher(const Config& config) {
  return MakeWith<GrpoClipObjective>(
      config, [](ParameterReader& in) { return GrpoClipObjective::Read(in, {.clip_high = 0.265}); });
}

template <SapoObjective::Form form>
Made MakeSapo(const Config& config) {
  return MakeWith<SapoObjective>(config, [](ParameterReader& in) { return SapoObjective::Read(in, form); });
}

const std::map<std::string, Made (*)(const Config&)>& KnownObjectives() {
  static const auto& objectives = *new std::map<std::string, Made (*)(const Config&)>{
      {"maspo", &Make<MaspoObjective>},
      {"grpo_clip", &Make<GrpoClipObjective>},
      {"clip_higher", &MakeClipHigher},
      {"dac", &Make<DacObjective>},
      {"entropy_reg", &Make<GrpoClipObjective>},  // With its bonus, below.
      {"adv_reweighting", &Make<AdvantageReweighting>},
      {"entropy_adv", &Make<EntropyAdvantage>},
      {"bapo", &Make<BapoObjective>},
      {"sapo", &MakeSapo<SapoObjective::Form::kSigmoid>},
      {"sapo_paper", &MakeSapo<SapoObjective::Form::kGated>},
      {"gspo", &Make<GspoObjective>},
      {"gspo_token", &Make<GspoObjective>},
      {"cispo", &Make<CispoObjective>},
      {"gmpo", &Make<GmpoObjective>},
      {"clip_cov", &Make<ClipCovObjective>},
      {"kl_cov", &Make<KlCovObjective>},
      {"gppo", [](const Config& config) { return MakeWith<GppoObjective>(config, &GppoObjective::ReadGppo); }},
      {"ce_gppo", [](const Config& config) { return MakeWith<GppoObjective>(config, &GppoObjective::ReadCeGppo); }},
      {"aspo", &Make<AspoObjective>},
  };
  return objectives;
}

// Terms that every objective takes, and their parameters.
struct AddedTerms {
  double entropy_coef = 0;
  double reference_kl_coef = 0;
  KlEstimate reference_kl_type = KlEstimate::kK3;
};

// Takes the terms' parameters out of `config`, which keeps the named objective's own.
absl::StatusOr<AddedTerms> TakeTerms(v1::ObjectiveConfig& config) {
  AddedTerms terms;
  v1::ObjectiveConfig own;
  if (config.has_entropy_coef()) own.set_entropy_coef(config.entropy_coef());
  if (config.has_reference_kl_coef()) own.set_reference_kl_coef(config.reference_kl_coef());
  if (config.name() == "entropy_reg") terms.entropy_coef = 0.01;
  ParameterReader in(own);
  in.AtLeast("entropy_coef", terms.entropy_coef, 0);
  in.AtLeast("reference_kl_coef", terms.reference_kl_coef, 0);
  MASPO_RETURN_IF_ERROR(in.Finish());
  if (config.has_reference_kl_type()) {
    if (terms.reference_kl_coef == 0) {
      return absl::InvalidArgumentError(
          "learner.objective.reference_kl_type has no effect without a learner.objective.reference_kl_coef");
    }
    MASPO_ASSIGN_OR_RETURN(terms.reference_kl_type, ParseKlEstimate(config.reference_kl_type()));
  }
  config.clear_entropy_coef();
  config.clear_reference_kl_coef();
  config.clear_reference_kl_type();
  return terms;
}

}  // namespace

absl::StatusOr<std::unique_ptr<PolicyObjective>> MakeObjective(const v1::ObjectiveConfig& config) {
  const auto known = KnownObjectives().find(config.name());
  if (known == KnownObjectives().end()) {
    const auto name_only = [](std::string* out, const auto& entry) { out->append(entry.first); };
    return absl::InvalidArgumentError(absl::StrCat("learner.objective.name: unknown objective \"", config.name(),
                                                   "\" (known: ", absl::StrJoin(KnownObjectives(), ", ", name_only),
                                                   ")"));
  }
  v1::ObjectiveConfig own = config;
  MASPO_ASSIGN_OR_RETURN(const AddedTerms terms, TakeTerms(own));
  MASPO_ASSIGN_OR_RETURN(auto objective, known->second(own));
  if (terms.entropy_coef > 0) objective = WithEntropyBonus(std::move(objective), terms.entropy_coef);
  if (terms.reference_kl_coef > 0) {
    objective = WithKlPenalty(std::move(objective), terms.reference_kl_type, terms.reference_kl_coef);
  }
  return objective;
}

}  // namespace maspo
