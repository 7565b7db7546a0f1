// Each objective against its paper's formula as it is written, with min, max, clip and stop-gradients, differentiated
// by autograd in double precision.
#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "learner/objectives/bapo.h"
#include "learner/objectives/clip_cov.h"
#include "learner/objectives/kl_cov.h"
#include "learner/objectives/kl_penalty.h"
#include "learner/objectives/surrogate_parts.h"
#include "tests/learner/objectives/objective_inputs.h"

namespace maspo {
namespace {

using torch::Tensor;

Tensor Rho(const ObjectiveInputs& in) { return torch::exp(in.logprobs_T - in.old_logprobs_T); }

// max(s, c A) where A < 0.
Tensor DualClip(const Tensor& s, const Tensor& a, double c) { return torch::where(a < 0, torch::maximum(s, c * a), s); }

Tensor ClipTerm(const Tensor& rho, const Tensor& a, const Tensor& low, const Tensor& high) {
  return torch::minimum(rho * a, torch::minimum(torch::maximum(rho, low), high) * a);
}

Tensor Scalar(double x) { return torch::scalar_tensor(x, torch::kDouble); }

// The formula of MASPO, gate and all.
Tensor Maspo(const ObjectiveInputs& in) {
  const Tensor rho = Rho(in), a = in.advantages_T, old = torch::exp(in.old_logprobs_T);
  const Tensor mass = torch::minimum(1.0 / torch::pow(old, 0.3), Scalar(10));
  const Tensor positive = mass * torch::clamp(1 + 0.03 * a, 0.1, 10);
  const Tensor negative = mass * torch::clamp(1 / (1 - 0.03 * a), 0.1, 10);
  const Tensor drift2 = torch::square(rho.detach() - 1);
  Tensor f = torch::ones_like(rho);
  f = torch::where((a > 0).logical_and(rho > 1), torch::exp(-drift2 / (2 * positive * positive)), f);
  f = torch::where((a < 0).logical_and(rho < 1), torch::exp(-drift2 / (2 * negative * negative)), f);
  return -f * rho * a;
}

Tensor Dac(const ObjectiveInputs& in) {
  const Tensor old = torch::exp(in.old_logprobs_T);
  const Tensor low = 0.5 + 0.5 * torch::sqrt(torch::clamp_min(1 - 4 * 0.2 / old, 0));
  const Tensor high = 0.5 + 0.5 * torch::sqrt(1 + 4 * 0.2 / old);
  return -ClipTerm(Rho(in), in.advantages_T, low, high);
}

Tensor GrpoClip(const ObjectiveInputs& in) { return -ClipTerm(Rho(in), in.advantages_T, Scalar(0.8), Scalar(1.2)); }

Tensor EntropyAdvantage(const ObjectiveInputs& in) {
  const Tensor a = in.advantages_T + torch::minimum(0.4 * in.entropy_T, in.advantages_T.abs() / 2).detach();
  return -ClipTerm(Rho(in), a, Scalar(0.8), Scalar(1.2));
}

Tensor AdvantageReweighting(const ObjectiveInputs& in) {
  const Tensor a = (0.1 * torch::exp(in.old_logprobs_T) + 0.9) * in.advantages_T;
  return -ClipTerm(Rho(in), a, Scalar(0.8), Scalar(1.2));
}

Tensor Sapo(const ObjectiveInputs& in) {
  const Tensor tau = torch::where(in.advantages_T > 0, Scalar(1.0), Scalar(1.05));
  return -4 / tau * torch::sigmoid(tau * (Rho(in) - 1)) * in.advantages_T;
}

Tensor Cispo(const ObjectiveInputs& in) {
  return -torch::clamp_max(Rho(in), 1.2).detach() * in.advantages_T * in.logprobs_T;
}

// GPPO's three cases with stop-gradients, Eq. 5; CE-GPPO has the factors.
Tensor Gppo(const ObjectiveInputs& in, double beta_low, double beta_high) {
  const Tensor rho = Rho(in), a = in.advantages_T;
  const Tensor at_low = beta_low * 0.8 / rho.detach() * rho * a, at_high = beta_high * 1.28 / rho.detach() * rho * a;
  Tensor l = rho * a;
  l = torch::where((rho < 0.8).logical_and(a < 0), at_low, l);
  return -torch::where((rho > 1.28).logical_and(a > 0), at_high, l);
}

Tensor Aspo(const ObjectiveInputs& in) {
  const Tensor pi = torch::exp(in.logprobs_T), old = torch::exp(in.old_logprobs_T), a = in.advantages_T;
  const Tensor rho = pi / old, flipped = old * pi / torch::square(pi).detach();
  const Tensor ratio = torch::where(a > 0, flipped, rho);
  // Soft dual clip: at most 3 in value, with the gradient of log pi left.
  const Tensor capped = torch::where(ratio > 3, 3 * pi / pi.detach(), ratio);
  const Tensor cut = (a > 0).logical_and(rho > 1.2).logical_or((a < 0).logical_and(rho < 0.8));
  return -torch::where(cut, torch::zeros_like(rho), capped) * a;
}

using Formula = Tensor (*)(const ObjectiveInputs& in);
const std::map<std::string, Formula>& Formulas() {
  static const auto& formulas = *new std::map<std::string, Formula>{
      {"maspo", &Maspo},
      {"dac", &Dac},
      {"grpo_clip", &GrpoClip},
      {"entropy_adv", &EntropyAdvantage},
      {"adv_reweighting", &AdvantageReweighting},
      {"sapo", &Sapo},
      {"cispo", &Cispo},
      {"aspo", &Aspo},
      {"gppo", [](const ObjectiveInputs& in) { return Gppo(in, 1, 1); }},
      {"ce_gppo", [](const ObjectiveInputs& in) { return Gppo(in, 0.75, 1); }},
  };
  return formulas;
}

TEST(WrittenFormulasTest, ValueAndGradientOfTokenObjectivesAreThoseOfTheFormula) {
  for (const auto& [name, formula] : Formulas()) {
    const ObjectiveInputs in = RandomTokens(3000, 11, torch::kDouble);
    const ObjectiveOutputs out = ObjectiveNamed(name)->Evaluate(in);
    const Tensor written_T = formula(in);
    EXPECT_TRUE(AllClose(out.loss_T, written_T, 1e-9)) << name;
    EXPECT_TRUE(AllClose(GradientOf(out.loss_T, in), GradientOf(written_T, in), 1e-9)) << name;
    EXPECT_GT(out.gated_T.sum().item<int64_t>(), 50) << name << ": the gate must have been exercised";
  }
}

TEST(WrittenFormulasTest, DualClipBoundsTheLossOfNegativeTokens) {
  v1::ObjectiveConfig config = Named("grpo_clip");
  config.set_dual_clip(1.7);
  config.set_clip_high(0.28);
  const ObjectiveInputs in = RandomTokens(3000, 12, torch::kDouble);
  const ObjectiveOutputs out = (*MakeObjective(config))->Evaluate(in);
  const Tensor written_T =
      -DualClip(ClipTerm(Rho(in), in.advantages_T, Scalar(0.8), Scalar(1.28)), in.advantages_T, 1.7);
  EXPECT_TRUE(AllClose(out.loss_T, written_T, 1e-9));
  EXPECT_TRUE(AllClose(GradientOf(out.loss_T, in), GradientOf(written_T, in), 1e-9));
  EXPECT_GT(out.bounded_T.sum().item<int64_t>(), 50);
}

TEST(WrittenFormulasTest, TheTwoFormsOfSapoHaveOneGradient) {
  const ObjectiveInputs in = RandomTokens(3000, 13, torch::kDouble);
  const Tensor sigmoid_T = GradientOf(ObjectiveNamed("sapo")->Evaluate(in).loss_T, in);
  EXPECT_TRUE(AllClose(sigmoid_T, GradientOf(ObjectiveNamed("sapo_paper")->Evaluate(in).loss_T, in), 1e-9));
}

// GSPO's Eq. 5: the sequence ratio carries the gradient, the loss is one number a response.
TEST(WrittenFormulasTest, GspoTokenHasTheGradientOfGspo) {
  ObjectiveInputs in = RandomResponses({30, 0, 5, 1, 60, 17}, 14, torch::kDouble);
  v1::ObjectiveConfig config = Named("gspo_token");
  config.set_clip_low(0.05);
  config.set_clip_high(0.05);
  const ObjectiveOutputs out = (*MakeObjective(config))->Evaluate(in);
  const Tensor ratio_R = torch::exp(ResponseMean(in.logprobs_T - in.old_logprobs_T, in));
  const Tensor loss_R = -ClipTerm(ratio_R, ResponseMean(in.advantages_T, in), Scalar(0.95), Scalar(1.05));
  const Tensor token_mean_R = ResponseMean(out.loss_T, in);
  EXPECT_TRUE(AllClose(token_mean_R, loss_R, 1e-9));
  EXPECT_TRUE(AllClose(GradientOf(token_mean_R, in), GradientOf(loss_R, in), 1e-9));
  EXPECT_GT(out.gated_T.sum().item<int64_t>(), 0);
}

TEST(WrittenFormulasTest, GmpoIsTheGeometricMeanOfClippedRatios) {
  const ObjectiveInputs in = RandomResponses({30, 0, 5, 1, 60, 17}, 15, torch::kDouble);
  const ObjectiveOutputs out = ObjectiveNamed("gmpo")->Evaluate(in);
  std::vector<Tensor> losses;
  int64_t begin = 0;
  for (const int64_t n : {30, 5, 1, 60, 17}) {
    const Tensor rho = Rho(in).slice(0, begin, begin + n), a = in.advantages_T.slice(0, begin, begin + n);
    const double sign = a[0].item<double>() > 0 ? 1 : a[0].item<double>() < 0 ? -1 : 0;
    const Tensor limited =
        torch::minimum(torch::pow(rho, sign), torch::pow(torch::clamp(rho, std::exp(-0.4), std::exp(0.4)), sign));
    losses.push_back(-a[0] * torch::pow(limited.prod(), sign / static_cast<double>(n)));
    begin += n;
  }
  const Tensor written = torch::stack(losses).sum();
  const Tensor got = ResponseMean(out.loss_T, in).sum();
  EXPECT_NEAR(got.item<double>(), written.item<double>(), 1e-9);
  EXPECT_TRUE(AllClose(GradientOf(got, in), GradientOf(written, in), 1e-8));
}

TEST(WrittenFormulasTest, EntropyRegularizationSendsItsGradientIntoTheEntropy) {
  ObjectiveInputs in = RandomTokens(200, 16, torch::kDouble);
  in.entropy_T.requires_grad_();
  const auto objective = ObjectiveNamed("entropy_reg");
  const Tensor loss_T = objective->Evaluate(in).loss_T;
  EXPECT_TRUE(AllClose(loss_T, GrpoClip(in) - 0.01 * in.entropy_T, 1e-9));
  const Tensor into_entropy_T = torch::autograd::grad({loss_T.sum()}, {in.entropy_T}, {}, true)[0];
  EXPECT_TRUE(AllClose(into_entropy_T, torch::full_like(into_entropy_T, -0.01)));
  EXPECT_TRUE(objective->traits().every_response);
}

TEST(WrittenFormulasTest, ReferenceKlIsAddedUnderAnyObjective) {
  const ObjectiveInputs in = RandomTokens(500, 17, torch::kDouble);
  v1::ObjectiveConfig config = Named("maspo");
  config.set_reference_kl_coef(0.3);
  const Tensor x_T = in.logprobs_T - in.reference_logprobs_T;
  const std::map<std::string, Tensor> written = {
      {"k1", x_T}, {"abs", x_T.abs()}, {"k2", x_T.square() / 2}, {"k3", torch::exp(-x_T) + x_T - 1}};
  for (const auto& [type, kl_T] : written) {
    config.set_reference_kl_type(FromSpelling<v1::KlEstimate>(type).value());
    const auto objective = *MakeObjective(config);
    EXPECT_TRUE(objective->traits().reference);
    const Tensor written_T = Maspo(in) + 0.3 * kl_T;
    const Tensor loss_T = objective->Evaluate(in).loss_T;
    EXPECT_TRUE(AllClose(loss_T, written_T, 1e-9)) << type;
    EXPECT_TRUE(AllClose(GradientOf(loss_T, in), GradientOf(written_T, in), 1e-9)) << type;
  }
}

TEST(WrittenFormulasTest, KlCovPenalizesTheLargestCovariancesAlone) {
  const ObjectiveInputs in = RandomTokens(400, 18, torch::kDouble);
  const KlCovObjective objective({.select_ratio = 0.05, .kl_coef = 0.7});
  const Tensor logprobs_T = in.logprobs_T.detach();
  const Tensor cov_T = (in.advantages_T - in.advantages_T.mean()) * (logprobs_T - logprobs_T.mean());
  const Tensor threshold = std::get<0>(cov_T.topk(20)).min();
  const Tensor penalty_T = 0.7 * (in.logprobs_T - in.old_logprobs_T).abs() * (cov_T >= threshold);
  const Tensor written_T = -Rho(in) * in.advantages_T + penalty_T;
  const Tensor loss_T = objective.Evaluate(in).loss_T;
  EXPECT_TRUE(AllClose(loss_T, written_T, 1e-9));
  EXPECT_TRUE(AllClose(GradientOf(loss_T, in), GradientOf(written_T, in), 1e-9));
}

TEST(WrittenFormulasTest, ClipCovDropsCandidatesAloneAndKeepsTheRest) {
  const ObjectiveInputs in = RandomTokens(400, 19, torch::kDouble);
  const ClipCovObjective objective({.select_ratio = 0.05, .cov_low = 0.2, .cov_high = 5});
  const Tensor candidates_T = objective.Candidates(in);
  const ObjectiveOutputs out = objective.Evaluate(in);
  EXPECT_EQ(out.clipped_T.sum().item<int64_t>(), 20);
  EXPECT_FALSE(torch::any(out.clipped_T.logical_and(candidates_T.logical_not())).item<bool>());
  const Tensor written_T = torch::where(out.clipped_T, torch::zeros_like(in.advantages_T), GrpoClip(in));
  EXPECT_TRUE(AllClose(out.loss_T, written_T, 1e-9));
}

TEST(WrittenFormulasTest, BapoWidensItsBoundsOnlyAsFarAsNeeded) {
  const ObjectiveInputs in = RandomTokens(2000, 20, torch::kDouble);
  const BapoObjective never({.rho0 = 0});
  EXPECT_EQ(never.FindBounds(in).upper_steps + never.FindBounds(in).lower_steps, 0);
  const BapoObjective always({.rho0 = 10, .contribution = v1::CONTRIBUTION_ABS_SHARE});
  EXPECT_NEAR(always.FindBounds(in).high, 3.0, 1e-9);
  EXPECT_NEAR(always.FindBounds(in).low, 0.9, 1e-9);
  const double start = never.FindBounds(in).contribution;
  BapoObjective::Parameters p{.contribution = v1::CONTRIBUTION_ABS_SHARE};
  p.rho0 = BapoObjective({.rho0 = 0, .contribution = v1::CONTRIBUTION_ABS_SHARE}).FindBounds(in).contribution + 1e-3;
  const BapoObjective::Bounds part = BapoObjective(p).FindBounds(in);
  EXPECT_GT(start, 0);
  EXPECT_GT(part.upper_steps, 0);
  EXPECT_LT(part.upper_steps, 36);
  EXPECT_EQ(part.lower_steps, 0) << "the upper bound moves first";
  EXPECT_GE(part.contribution, p.rho0);
  p.order = v1::BOUND_ORDER_LOWER_FIRST;
  EXPECT_EQ(BapoObjective(p).FindBounds(in).lower_steps, 15) << "raising the lower bound does not help";
}

}  // namespace
}  // namespace maspo
