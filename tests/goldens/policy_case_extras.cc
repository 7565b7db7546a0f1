#include "tests/goldens/policy_case_extras.h"

#include <cmath>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "learner/objectives/advantage_reweighting.h"
#include "learner/objectives/bapo.h"
#include "learner/objectives/clip_cov.h"
#include "learner/objectives/dac.h"
#include "learner/objectives/entropy_advantage.h"
#include "learner/objectives/gspo.h"
#include "learner/objectives/kl_cov.h"
#include "learner/objectives/surrogate_parts.h"
#include "services/base/status_macros.h"

namespace maspo {
namespace {

using nlohmann::json;

// The objective under its own class: MakeObjective made it, so it is one.
template <typename Objective>
const Objective& As(const PolicyObjective& objective) {
  return dynamic_cast<const Objective&>(objective);
}

// [row, column] pairs -> bool [T] over the valid tokens.
torch::Tensor TokensAt(const json& places, const json& mask) {
  json marks = mask;
  for (json& row : marks) std::fill(row.begin(), row.end(), 0);
  for (const json& place : places) marks.at(place.at(0).get<size_t>()).at(place.at(1).get<size_t>()) = 1;
  return Float32(ValidEntries(marks, mask)) != 0;
}

absl::Status CompareTokens(const std::string& what, const torch::Tensor& got_T, const torch::Tensor& want_T) {
  if (torch::equal(got_T, want_T)) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat(what, " differ in ", (got_T != want_T).sum().item<int64_t>(), " tokens"));
}

absl::StatusOr<std::unique_ptr<PolicyObjective>> BindClipCov(const ClipCovObjective& objective,
                                                             const ObjectiveInputs& in, const json& golden) {
  const json& expected = golden.at("expected");
  const json& mask = golden.at("inputs").at("response_mask");
  const auto candidates_T = objective.Candidates(in);
  MASPO_RETURN_IF_ERROR(CompareTokens("candidates", candidates_T, TokensAt(expected.at("candidates"), mask)));
  MASPO_RETURN_IF_ERROR(CompareNumber("num_to_select", static_cast<double>(objective.NumToDrop(in.logprobs_T.numel())),
                                      expected.at("num_to_select").get<double>(), 0));
  return objective.Dropping(TokensAt(expected.at("selected"), mask));
}

absl::Status CheckBapo(const BapoObjective& objective, const ObjectiveInputs& in, const json& expected) {
  const BapoObjective::Bounds bounds = objective.FindBounds(in);
  MASPO_RETURN_IF_ERROR(CompareNumber("clip_low", bounds.low, expected.at("clip_low").get<double>(), 1e-9));
  MASPO_RETURN_IF_ERROR(CompareNumber("clip_high", bounds.high, expected.at("clip_high").get<double>(), 1e-9));
  MASPO_RETURN_IF_ERROR(CompareNumber("lower_steps", bounds.lower_steps, expected.at("lower_steps").get<double>(), 0));
  MASPO_RETURN_IF_ERROR(CompareNumber("upper_steps", bounds.upper_steps, expected.at("upper_steps").get<double>(), 0));
  MASPO_RETURN_IF_ERROR(CompareNumber("evaluations", bounds.evaluations, expected.at("evaluations").get<double>(), 0));
  const json& contribution = expected.at("contribution");
  if (contribution.is_null()) {
    return std::isinf(bounds.contribution)
               ? absl::OkStatus()
               : absl::FailedPreconditionError(absl::StrCat("contribution is ", bounds.contribution, ", not null"));
  }
  const double want = contribution.get<double>();
  return CompareNumber("contribution", bounds.contribution, want, 1e-5 * std::max(1.0, std::abs(want)));
}

absl::Status CheckDac(const DacObjective& objective, const ObjectiveInputs& in, const json& golden) {
  const json& mask = golden.at("inputs").at("response_mask");
  const RatioBounds bounds = objective.Bounds(in.old_logprobs_T);
  const json& expected = golden.at("expected");
  MASPO_RETURN_IF_ERROR(Compare("ratio_low", bounds.low_T, ValidEntries(expected.at("ratio_low"), mask), 1e-5, 1e-5));
  return Compare("ratio_high", bounds.high_T, ValidEntries(expected.at("ratio_high"), mask), 1e-5, 1e-5);
}

absl::Status CheckGspo(const GspoObjective& objective, const ObjectiveInputs& in, const json& golden) {
  const auto expected = golden.at("expected").at("sequence_ratio").get<std::vector<double>>();
  return Compare("sequence_ratio", objective.SequenceRatio(in), expected, 1e-5, 1e-5);
}

// Policy loss and the gradient of the entropy, which is the same for all tokens of a response.
absl::Status CheckEntropyReg(const v1::ObjectiveConfig& config, const PackedCase& packed, const ObjectiveOutputs& out,
                             const json& expected) {
  const auto policy_loss_T = out.loss_T + config.entropy_coef() * packed.in.entropy_T;
  MASPO_RETURN_IF_ERROR(CompareNumber("policy_loss", torch::sum(packed.weights_T * policy_loss_T).item<double>(),
                                      expected.at("policy_loss").get<double>(),
                                      1e-5 * expected.at("loss_scale").get<double>()));
  const auto per_response = Float32(expected.at("grad_entropy_per_response").get<std::vector<double>>());
  const auto want_T = per_response.index_select(0, packed.in.response_T).to(torch::kDouble).contiguous();
  return Compare("gradient of the entropy", packed.in.entropy_T.grad(),
                 {want_T.const_data_ptr<double>(), want_T.const_data_ptr<double>() + want_T.numel()}, 1e-5, 1e-9);
}

// The other form of SAPO has another value.
absl::Status CheckSigmoidForm(const v1::ObjectiveConfig& config, const PackedCase& packed, const json& expected) {
  v1::ObjectiveConfig sigmoid = config;
  sigmoid.set_name(v1::OBJECTIVE_SAPO);
  sigmoid.clear_gating();
  MASPO_ASSIGN_OR_RETURN(const auto objective, MakeObjective(sigmoid));
  const auto loss = torch::sum(packed.weights_T * objective->Evaluate(packed.in).loss_T).item<double>();
  const double want = expected.at("loss_sigmoid_form").get<double>();
  return CompareNumber("loss_sigmoid_form", loss, want,
                       1e-5 * std::max(std::abs(want), expected.at("loss_scale").get<double>()));
}

}  // namespace

absl::StatusOr<std::unique_ptr<PolicyObjective>> BindToCase(std::unique_ptr<PolicyObjective> objective,
                                                            const v1::ObjectiveConfig& config,
                                                            const ObjectiveInputs& in, const json& golden) {
  if (config.name() == v1::OBJECTIVE_CLIP_COV) return BindClipCov(As<ClipCovObjective>(*objective), in, golden);
  if (!objective->traits().mini_batch) return objective;
  return objective->BoundTo(in);
}

absl::Status CheckExtras(const v1::ObjectiveConfig& config, const PackedCase& packed, const ObjectiveOutputs& out,
                         const json& golden) {
  const json& expected = golden.at("expected");
  const json& mask = golden.at("inputs").at("response_mask");
  MASPO_ASSIGN_OR_RETURN(const auto objective, MakeObjective(config));
  const auto check_shaped = [&](const torch::Tensor& shaped_T) {
    return Compare("shaped advantage", shaped_T, ValidEntries(expected.at("shaped_advantages"), mask), 1e-5, 1e-6);
  };
  switch (config.name()) {
    case v1::OBJECTIVE_ADV_REWEIGHTING:
      return check_shaped(As<AdvantageReweighting>(*objective).ShapedAdvantages(packed.in));
    case v1::OBJECTIVE_ENTROPY_ADV:
      return check_shaped(As<EntropyAdvantage>(*objective).ShapedAdvantages(packed.in));
    case v1::OBJECTIVE_BAPO:
      return CheckBapo(As<BapoObjective>(*objective), packed.in, expected);
    case v1::OBJECTIVE_DAC:
      return CheckDac(As<DacObjective>(*objective), packed.in, golden);
    case v1::OBJECTIVE_GSPO:
      return CheckGspo(As<GspoObjective>(*objective), packed.in, golden);
    case v1::OBJECTIVE_ENTROPY_REG:
      return CheckEntropyReg(config, packed, out, expected);
    case v1::OBJECTIVE_KL_COV:
      return CompareTokens("selected", As<KlCovObjective>(*objective).Selected(packed.in),
                           TokensAt(expected.at("selected"), mask));
    default:
      if (expected.contains("loss_sigmoid_form")) return CheckSigmoidForm(config, packed, expected);
      return absl::OkStatus();
  }
}

}  // namespace maspo
