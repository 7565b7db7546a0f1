#include "learner/objectives/objective.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "learner/objectives/grpo_clip.h"
#include "learner/objectives/maspo.h"
#include "tests/learner/objectives/objective_inputs.h"

namespace maspo {
namespace {

using testing::HasSubstr;

bool AllClose(const torch::Tensor& a, const torch::Tensor& b, double relative = 1e-5) {
  return torch::allclose(a, b, relative, 1e-7);
}

// Gates F of tokens.
std::vector<float> Gates(const PolicyObjective& objective, const std::vector<Token>& tokens) {
  const torch::Tensor gate_T = objective.Evaluate(InputsOf(tokens)).gate_T;
  return {gate_T.const_data_ptr<float>(), gate_T.const_data_ptr<float>() + gate_T.numel()};
}

class EveryObjectiveTest : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Names, EveryObjectiveTest, testing::Values("maspo", "grpo_clip"));

TEST_P(EveryObjectiveTest, OnPolicyItIsThePlainPolicyGradient) {
  ObjectiveInputs in = RandomInputs(200, 1);
  in.logprobs_T = in.old_logprobs_T.clone().requires_grad_();
  const ObjectiveOutputs out = ObjectiveNamed(GetParam())->Evaluate(in);
  EXPECT_TRUE(AllClose(GradientOf(out.loss_T, in), -in.advantages_T));
  EXPECT_TRUE(torch::all(out.gate_T == 1).item<bool>());
  EXPECT_FALSE(torch::any(out.gated_T).item<bool>());
}

TEST_P(EveryObjectiveTest, ItsGradientIsGateTimesRatioTimesAdvantage) {
  const ObjectiveInputs in = RandomInputs(1000, 2);
  const ObjectiveOutputs out = ObjectiveNamed(GetParam())->Evaluate(in);
  const auto ratio_T = torch::exp(in.logprobs_T.detach() - in.old_logprobs_T);
  EXPECT_TRUE(AllClose(GradientOf(out.loss_T, in), -out.gate_T * ratio_T * in.advantages_T));
  EXPECT_TRUE(torch::all(out.gated_T.logical_or(out.gate_T == 1)).item<bool>())
      << "F differs from 1 only where it acts";
}

TEST_P(EveryObjectiveTest, ExtremeRatiosStayFinite) {
  ObjectiveInputs in = RandomInputs(8, 3);
  in.old_logprobs_T = torch::tensor({-30.f, -0.f, -20.f, -1e-8f, -100.f, -1.f, -50.f, -80.f});
  in.logprobs_T = torch::tensor({-0.f, -30.f, -1e-8f, -20.f, -1.f, -100.f, -80.f, -50.f}).requires_grad_();
  const ObjectiveOutputs out = ObjectiveNamed(GetParam())->Evaluate(in);
  EXPECT_TRUE(torch::all(torch::isfinite(out.loss_T)).item<bool>());
  EXPECT_TRUE(torch::all(torch::isfinite(GradientOf(out.loss_T, in))).item<bool>());
}

TEST_P(EveryObjectiveTest, NoTokenIsNoTrouble) {
  const ObjectiveInputs in = RandomInputs(0, 4);
  EXPECT_EQ(ObjectiveNamed(GetParam())->Evaluate(in).loss_T.numel(), 0);
}

TEST(MaspoObjectiveTest, GateIsOneWhenTheStepMovesAgainstItsAdvantage) {
  const MaspoObjective maspo({});
  EXPECT_THAT(
      Gates(maspo, {{.ratio = 0.2, .advantage = 1}, {.ratio = 5, .advantage = -1}, {.ratio = 5, .advantage = 0}}),
      testing::Each(1.0f));
}

TEST(MaspoObjectiveTest, GateAtOneSigmaIsExpMinusOneHalf) {
  // alpha 0 and beta 0 leave sigma = sigma_base.
  const MaspoObjective maspo({.sigma_base = 0.5, .alpha = 0, .beta_high = 0, .beta_low = 0});
  const std::vector<float> gates = Gates(maspo, {{.ratio = 1.5, .advantage = 2}, {.ratio = 0.5, .advantage = -2}});
  EXPECT_NEAR(gates[0], std::exp(-0.5), 1e-6);
  EXPECT_NEAR(gates[1], std::exp(-0.5), 1e-6);
}

TEST(MaspoObjectiveTest, RareTokensMayMoveFurtherUpToTheMassCap) {
  const MaspoObjective maspo({.alpha = 0.5, .beta_high = 0, .beta_low = 0, .mass_cap = 10});
  const std::vector<float> gates = Gates(maspo, {{.old_probability = 0.9, .ratio = 3},
                                                 {.old_probability = 0.04, .ratio = 3},
                                                 {.old_probability = 1e-2, .ratio = 3},
                                                 {.old_probability = 1e-6, .ratio = 3}});
  EXPECT_LT(gates[0], gates[1]);
  EXPECT_NEAR(gates[1], std::exp(-4.0 / (2 * 25)), 1e-6) << "sigma = 1 / sqrt(0.04)";
  EXPECT_NEAR(gates[2], std::exp(-4.0 / (2 * 100)), 1e-6) << "just at the cap";
  EXPECT_FLOAT_EQ(gates[2], gates[3]);
}

TEST(MaspoObjectiveTest, TheGatedPositiveRatioPeaksAt134AtSigmaOne) {
  // d/dr [r exp(-(r - 1)^2 / 2)] = 0 at the golden ratio, where it is 1.3367: the update cannot be rewarded beyond.
  const MaspoObjective maspo({.alpha = 0, .beta_high = 0});
  double peak = 0, at = 0;
  for (double ratio = 1; ratio < 4; ratio += 0.001) {
    const double weight = Gates(maspo, {{.ratio = ratio}})[0] * ratio;
    if (weight > peak) peak = weight, at = ratio;
  }
  EXPECT_NEAR(peak, 1.3367, 1e-3);
  EXPECT_NEAR(at, (1 + std::sqrt(5.0)) / 2, 2e-3);
}

TEST(MaspoObjectiveTest, AdvantagesAtThePoleOfTheRiskTermAreHarmless) {
  // 1 / (1 - beta_low A) is infinite at A = 1 / beta_low > 0, where it is not used.
  const ObjectiveInputs in = InputsOf({{.ratio = 1.5, .advantage = 1 / 0.03}, {.ratio = 1.5, .advantage = 100}});
  const ObjectiveOutputs out = MaspoObjective({}).Evaluate(in);
  EXPECT_TRUE(torch::all(torch::isfinite(GradientOf(out.loss_T, in))).item<bool>());
}

// The surrogate as it is written, with min, max and clip, differentiated by autograd.
torch::Tensor LiteralClipLoss(const ObjectiveInputs& in, double low, double high, double dual) {
  const auto ratio_T = torch::exp(in.logprobs_T - in.old_logprobs_T);
  const auto s_T =
      torch::minimum(ratio_T * in.advantages_T, torch::clamp(ratio_T, 1 - low, 1 + high) * in.advantages_T);
  const auto dual_T = torch::maximum(s_T, dual * in.advantages_T);
  return -torch::where(in.advantages_T < 0, dual_T, s_T);
}

TEST(GrpoClipObjectiveTest, EqualsTheWrittenFormulaAndItsAutomaticGradient) {
  const ObjectiveInputs in = RandomInputs(2000, 5);
  const GrpoClipObjective clip({.clip_low = 0.2, .clip_high = 0.28, .dual_clip = 1.7});
  const ObjectiveOutputs out = clip.Evaluate(in);
  const torch::Tensor literal_T = LiteralClipLoss(in, 0.2, 0.28, 1.7);
  EXPECT_TRUE(AllClose(out.loss_T, literal_T));
  EXPECT_TRUE(AllClose(GradientOf(out.loss_T, in), GradientOf(literal_T, in)));
  EXPECT_GT(out.gated_T.sum().item<int64_t>(), 100);
}

TEST(GrpoClipObjectiveTest, ClipsOnlyOnTheSideTheAdvantagePushesTo) {
  const GrpoClipObjective clip({.dual_clip = 3});
  EXPECT_THAT(
      Gates(clip, {{.ratio = 1.3, .advantage = 1}, {.ratio = 0.7, .advantage = 1}, {.ratio = 1.1, .advantage = 1}}),
      testing::ElementsAre(0, 1, 1));
  EXPECT_THAT(
      Gates(clip, {{.ratio = 0.7, .advantage = -1}, {.ratio = 1.3, .advantage = -1}, {.ratio = 3.1, .advantage = -1}}),
      testing::ElementsAre(0, 1, 0));
}

TEST(MakeObjectiveTest, RefusesWhatTheObjectiveWouldIgnore) {
  v1::ObjectiveConfig config;  // maspo by default
  EXPECT_TRUE(MakeObjective(config).ok());
  config.set_clip_low(0.1);
  EXPECT_THAT(std::string(MakeObjective(config).status().message()),
              testing::AllOf(HasSubstr("learner.objective.clip_low"), HasSubstr("sigma_base")));
  config.set_name("grpo_clip");
  EXPECT_TRUE(MakeObjective(config).ok());
  config.set_alpha(0.3);
  EXPECT_THAT(std::string(MakeObjective(config).status().message()), HasSubstr("learner.objective.alpha"));
}

TEST(MakeObjectiveTest, RefusesUnknownNamesAndImpossibleValues) {
  v1::ObjectiveConfig config;
  config.set_name("ppo");
  EXPECT_THAT(std::string(MakeObjective(config).status().message()), HasSubstr("known: maspo, grpo_clip"));
  config.set_name("maspo");
  config.set_sigma_base(0);
  EXPECT_THAT(std::string(MakeObjective(config).status().message()),
              HasSubstr("sigma_base must be greater than 0, not 0"));
  config.set_sigma_base(std::nan(""));
  EXPECT_FALSE(MakeObjective(config).ok());
  v1::ObjectiveConfig clip;
  clip.set_name("grpo_clip");
  clip.set_dual_clip(1);
  EXPECT_THAT(std::string(MakeObjective(clip).status().message()), HasSubstr("dual_clip"));
}

}  // namespace
}  // namespace maspo
