#include "tests/goldens/golden_names.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "services/base/status_macros.h"
#include "tests/goldens/golden_tensors.h"

namespace maspo {
namespace {

using nlohmann::json;

constexpr double kOff = std::numeric_limits<double>::infinity();

// Where a case names a parameter otherwise than the configuration does.
std::string ConfigName(const std::string& name) {
  static const auto& names = *new std::map<std::string, std::string>{
      {"clip_c", "dual_clip"}, {"ratio", "select_ratio"}, {"lb", "cov_low"}, {"ub", "cov_high"}};
  const auto renamed = names.find(name);
  return renamed == names.end() ? name : renamed->second;
}

// Parameters of the case, not of the objective.
bool IsCaseParameter(const std::string& name) {
  return name == "loss_agg_mode" || name == "torch_seed" || name.starts_with("metric_");
}

// The objectives whose reference code limits no exponent, which their cases do not say.
bool HasNoExponentClamp(const std::string& objective) {
  return objective == "clip_cov" || objective == "kl_cov" || objective == "gmpo";
}

// The files' names of objectives and metrics, where ours differ.
std::string ObjectiveName(const std::string& name) { return name == "maspo_ablations" ? "maspo" : name; }

std::string MetricName(const std::string& name) {
  static const auto& names = *new std::map<std::string, std::string>{{"clip_frac", "policy/clip_fraction"},
                                                                     {"clip_frac_lower", "policy/clip_fraction_lower"},
                                                                     {"gated_frac", "policy/gated_fraction"},
                                                                     {"gate_mean", "policy/gate_mean"},
                                                                     {"ppo_kl", "policy/kl_old"},
                                                                     {"abs_kl", "policy/abs_kl"}};
  const auto known = names.find(name);
  return known == names.end() ? name : known->second;
}

}  // namespace

absl::StatusOr<v1::ObjectiveConfig> ConfigOf(const std::string& objective, const json& params) {
  // What "off" means, where it is not the default.
  static const auto& off =
      *new std::map<std::string, double>{{"log_ratio_clamp", kOff}, {"mass_cap", kOff}, {"risk_high", kOff},
                                         {"risk_low", 0},           {"clip_low", kOff}, {"clip_high", kOff}};
  v1::ObjectiveConfig config;
  MASPO_ASSIGN_OR_RETURN(const v1::Objective name, Known<v1::Objective>(ObjectiveName(objective)));
  config.set_name(name);
  if (HasNoExponentClamp(objective)) config.set_log_ratio_clamp(kOff);
  for (const auto& [key, value] : params.items()) {
    const std::string parameter = ConfigName(key);
    if (IsCaseParameter(key) || (value.is_null() && !off.contains(parameter))) continue;
    const auto* field = config.GetDescriptor()->FindFieldByName(parameter);
    if (field == nullptr) return absl::InvalidArgumentError(absl::StrCat("unknown parameter ", key));
    if (value.is_string()) {
      const auto* choice = FindSpelling(*field->enum_type(), value.get<std::string>());
      if (choice == nullptr) return absl::InvalidArgumentError(absl::StrCat(key, " has an unknown value"));
      config.GetReflection()->SetEnum(&config, field, choice);
    } else {
      config.GetReflection()->SetDouble(&config, field, value.is_null() ? off.at(parameter) : value.get<double>());
    }
  }
  return config;
}

absl::Status CompareMetrics(const json& expected, const std::map<std::string, double>& summary) {
  for (const auto& [name, value] : expected.items()) {
    const auto it = summary.find(MetricName(name));
    if (it == summary.end()) return absl::FailedPreconditionError(absl::StrCat("metric ", name, " is not measured"));
    const double want = value.get<double>();
    MASPO_RETURN_IF_ERROR(CompareNumber("metric " + name, it->second, want, 1e-5 * std::max(1.0, std::abs(want))));
  }
  return absl::OkStatus();
}

}  // namespace maspo
