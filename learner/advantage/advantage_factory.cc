#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "learner/advantage/advantage_estimator.h"
#include "learner/advantage/gae_advantage.h"
#include "learner/advantage/grpo_advantage.h"
#include "learner/advantage/opo_advantage.h"
#include "learner/advantage/reinforce_pp_advantage.h"
#include "learner/advantage/remax_advantage.h"
#include "learner/advantage/rloo_advantage.h"
#include "services/base/spelling.h"
#include "services/base/status_macros.h"

namespace maspo {
namespace {

using Estimator = std::unique_ptr<AdvantageEstimator>;

struct KnownEstimator {
  std::vector<std::string> parameters;  // Fields of AdvantageConfig that it reads.
  absl::StatusOr<Estimator> (*make)(const v1::AdvantageConfig& config);
};

double Gamma(const v1::AdvantageConfig& config) { return config.has_gamma() ? config.gamma() : 1.0; }

KnownEstimator Named(v1::Advantage name) {
  using Config = const v1::AdvantageConfig&;
  using Result = absl::StatusOr<Estimator>;
  switch (name) {
    case v1::ADVANTAGE_GRPO:
      return {{"normalization", "epsilon"}, &GrpoAdvantage::Make};
    case v1::ADVANTAGE_RLOO:
      return {{}, [](Config) -> Result { return std::make_unique<RlooAdvantage>(); }};
    case v1::ADVANTAGE_OPO:
      return {{}, [](Config) -> Result { return std::make_unique<OpoAdvantage>(); }};
    case v1::ADVANTAGE_REINFORCE_PP:
      return {{"gamma"}, [](Config c) -> Result { return std::make_unique<ReinforcePpAdvantage>(Gamma(c)); }};
    case v1::ADVANTAGE_REINFORCE_PP_BASELINE:
      return {{}, [](Config) -> Result { return std::make_unique<ReinforcePpBaselineAdvantage>(); }};
    case v1::ADVANTAGE_GAE:
      return {{"gamma", "lambda"}, [](Config c) -> Result {
                return std::make_unique<GaeAdvantage>(Gamma(c), c.has_lambda() ? c.lambda() : 1.0);
              }};
    case v1::ADVANTAGE_REMAX:
      return {{}, [](Config) -> Result { return std::make_unique<RemaxAdvantage>(); }};
  }
  MASPO_CHECK(false);
}

// A parameter that the estimator would ignore is a mistake of the user.
absl::Status RefuseForeignParameters(const KnownEstimator& estimator, const v1::AdvantageConfig& config) {
  std::vector<const google::protobuf::FieldDescriptor*> given;
  config.GetReflection()->ListFields(config, &given);
  for (const auto* field : given) {
    const auto& known = estimator.parameters;
    if (field->name() == "name" || std::find(known.begin(), known.end(), field->name()) != known.end()) continue;
    return absl::InvalidArgumentError(absl::StrCat(
        "learner.advantage.", field->name(), ": estimator ", Spelling(config.name()),
        known.empty() ? " has no parameters"
                      : absl::StrCat(" has no such parameter (it has: ", absl::StrJoin(known, ", "), ")")));
  }
  return absl::OkStatus();
}

absl::Status CheckRanges(const v1::AdvantageConfig& config) {
  for (const auto& [name, value] : {std::pair{"gamma", Gamma(config)}, std::pair{"lambda", config.lambda()}}) {
    if (value >= 0 && value <= 1) continue;
    return absl::InvalidArgumentError(absl::StrCat("learner.advantage.", name, " must be from 0 to 1, not ", value));
  }
  if (config.epsilon() >= 0) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("learner.advantage.epsilon must be at least 0, not ", config.epsilon()));
}

}  // namespace

absl::StatusOr<std::unique_ptr<AdvantageEstimator>> MakeAdvantageEstimator(const v1::AdvantageConfig& config) {
  const KnownEstimator estimator = Named(config.name());
  MASPO_RETURN_IF_ERROR(RefuseForeignParameters(estimator, config));
  MASPO_RETURN_IF_ERROR(CheckRanges(config));
  return estimator.make(config);
}

}  // namespace maspo
