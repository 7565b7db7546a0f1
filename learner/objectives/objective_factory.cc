#include <utility>

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

Made MakeNamed(const Config& config) {
  switch (config.name()) {
    case v1::OBJECTIVE_MASPO:
      return Make<MaspoObjective>(config);
    case v1::OBJECTIVE_GRPO_CLIP:
    case v1::OBJECTIVE_ENTROPY_REG:  // With its bonus, below.
      return Make<GrpoClipObjective>(config);
    case v1::OBJECTIVE_CLIP_HIGHER:
      return MakeClipHigher(config);
    case v1::OBJECTIVE_DAC:
      return Make<DacObjective>(config);
    case v1::OBJECTIVE_ADV_REWEIGHTING:
      return Make<AdvantageReweighting>(config);
    case v1::OBJECTIVE_ENTROPY_ADV:
      return Make<EntropyAdvantage>(config);
    case v1::OBJECTIVE_BAPO:
      return Make<BapoObjective>(config);
    case v1::OBJECTIVE_SAPO:
      return MakeSapo<SapoObjective::Form::kSigmoid>(config);
    case v1::OBJECTIVE_SAPO_PAPER:
      return MakeSapo<SapoObjective::Form::kGated>(config);
    case v1::OBJECTIVE_GSPO:
    case v1::OBJECTIVE_GSPO_TOKEN:
      return Make<GspoObjective>(config);
    case v1::OBJECTIVE_CISPO:
      return Make<CispoObjective>(config);
    case v1::OBJECTIVE_GMPO:
      return Make<GmpoObjective>(config);
    case v1::OBJECTIVE_CLIP_COV:
      return Make<ClipCovObjective>(config);
    case v1::OBJECTIVE_KL_COV:
      return Make<KlCovObjective>(config);
    case v1::OBJECTIVE_GPPO:
      return MakeWith<GppoObjective>(config, &GppoObjective::ReadGppo);
    case v1::OBJECTIVE_CE_GPPO:
      return MakeWith<GppoObjective>(config, &GppoObjective::ReadCeGppo);
    case v1::OBJECTIVE_ASPO:
      return Make<AspoObjective>(config);
  }
  MASPO_CHECK(false);
}

// Terms that every objective takes, and their parameters.
struct AddedTerms {
  double entropy_coef = 0;
  double reference_kl_coef = 0;
  v1::KlEstimate reference_kl_type = v1::KL_ESTIMATE_K3;
};

// Takes the terms' parameters out of `config`, which keeps the named objective's own.
absl::StatusOr<AddedTerms> TakeTerms(v1::ObjectiveConfig& config) {
  AddedTerms terms;
  v1::ObjectiveConfig own;
  if (config.has_entropy_coef()) own.set_entropy_coef(config.entropy_coef());
  if (config.has_reference_kl_coef()) own.set_reference_kl_coef(config.reference_kl_coef());
  if (config.name() == v1::OBJECTIVE_ENTROPY_REG) terms.entropy_coef = 0.01;
  ParameterReader in(own);
  in.AtLeast("entropy_coef", terms.entropy_coef, 0);
  in.AtLeast("reference_kl_coef", terms.reference_kl_coef, 0);
  MASPO_RETURN_IF_ERROR(in.Finish());
  if (config.has_reference_kl_type()) {
    if (terms.reference_kl_coef == 0) {
      return absl::InvalidArgumentError(
          "learner.objective.reference_kl_type has no effect without a learner.objective.reference_kl_coef");
    }
    terms.reference_kl_type = config.reference_kl_type();
  }
  config.clear_entropy_coef();
  config.clear_reference_kl_coef();
  config.clear_reference_kl_type();
  return terms;
}

}  // namespace

absl::StatusOr<std::unique_ptr<PolicyObjective>> MakeObjective(const v1::ObjectiveConfig& config) {
  v1::ObjectiveConfig own = config;
  MASPO_ASSIGN_OR_RETURN(const AddedTerms terms, TakeTerms(own));
  MASPO_ASSIGN_OR_RETURN(auto objective, MakeNamed(own));
  if (terms.entropy_coef > 0) objective = WithEntropyBonus(std::move(objective), terms.entropy_coef);
  if (terms.reference_kl_coef > 0) {
    objective = WithKlPenalty(std::move(objective), terms.reference_kl_type, terms.reference_kl_coef);
  }
  return objective;
}

}  // namespace maspo
