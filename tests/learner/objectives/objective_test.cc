#include "learner/objectives/objective.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "learner/objectives/grpo_clip.h"
#include "learner/objectives/maspo.h"
#include "tests/learner/objectives/objective_inputs.h"

namespace maspo {
namespace {

using testing::HasSubstr;

// Gates F of tokens.
std::vector<float> Gates(const PolicyObjective& objective, const std::vector<Token>& tokens) {
  const torch::Tensor gate_T = objective.Evaluate(InputsOf(tokens)).gate_T;
  return {gate_T.const_data_ptr<float>(), gate_T.const_data_ptr<float>() + gate_T.numel()};
}

class EveryObjectiveTest : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Names, EveryObjectiveTest, testing::ValuesIn(kAllObjectives));

// Without what reshapes advantages or picks tokens, which acts on-policy too.
v1::ObjectiveConfig PlainOnPolicy(const std::string& name) {
  v1::ObjectiveConfig config = Named(name);
  if (name == "adv_reweighting" || name == "entropy_adv") config.set_alpha(0);
  if (name == "clip_cov") config.set_cov_low(1e9), config.set_cov_high(2e9);
  return config;
}

TEST_P(EveryObjectiveTest, WithOneOnPolicyUpdateItIsThePlainPolicyGradient) {
  ObjectiveInputs in = RandomResponses({40, 0, 1, 25, 60}, 1);
  in.logprobs_T = in.old_logprobs_T.clone().requires_grad_();
  const ObjectiveOutputs out = (*MakeObjective(PlainOnPolicy(GetParam())))->Evaluate(in);
  EXPECT_TRUE(AllClose(GradientOf(out.loss_T, in), -in.advantages_T));
  EXPECT_TRUE(torch::all(out.gate_T == 1).item<bool>());
}

TEST_P(EveryObjectiveTest, RatiosFarOutAndBelowFloatRangeStayFinite) {
  ObjectiveInputs in = RandomTokens(10, 3);
  in.old_logprobs_T = torch::tensor({-30.f, -0.f, -20.f, -1e-8f, -100.f, -1.f, -50.f, -80.f, -5.f, -25.f});
  in.logprobs_T = torch::tensor({-0.f, -30.f, -1e-8f, -20.f, -1.f, -100.f, -80.f, -50.f, -25.f, -5.f}).requires_grad_();
  const ObjectiveOutputs out = ObjectiveNamed(GetParam())->Evaluate(in);
  EXPECT_TRUE(torch::all(torch::isfinite(out.loss_T)).item<bool>());
  EXPECT_TRUE(torch::all(torch::isfinite(out.gate_T)).item<bool>());
  EXPECT_TRUE(torch::all(torch::isfinite(GradientOf(out.loss_T, in))).item<bool>());
}

TEST_P(EveryObjectiveTest, AZeroVarianceGroupHasNoPolicyGradient) {
  ObjectiveInputs in = RandomResponses({12, 5}, 8);
  in.advantages_T = torch::zeros_like(in.advantages_T);
  v1::ObjectiveConfig config = Named(GetParam());
  if (config.name() == v1::OBJECTIVE_KL_COV) config.set_kl_coef(0);
  const ObjectiveOutputs out = (*MakeObjective(config))->Evaluate(in);
  EXPECT_EQ(GradientOf(out.loss_T, in).abs().max().item<float>(), 0);
}

TEST_P(EveryObjectiveTest, AnEmptyResponseIsNoTrouble) {
  const ObjectiveInputs in = RandomResponses({0, 7, 0}, 4);
  const ObjectiveOutputs out = ObjectiveNamed(GetParam())->Evaluate(in);
  EXPECT_EQ(out.loss_T.numel(), 7);
  EXPECT_TRUE(torch::all(torch::isfinite(GradientOf(out.loss_T, in))).item<bool>());
}

// The objectives whose gate is a factor on a token's own ratio.
class TokenObjectiveTest : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Names, TokenObjectiveTest,
                         testing::Values("maspo", "grpo_clip", "clip_higher", "dac", "bapo", "sapo_paper", "cispo",
                                         "gppo", "ce_gppo", "aspo"));

TEST_P(TokenObjectiveTest, ItsGradientIsGateTimesRatioTimesAdvantage) {
  const ObjectiveInputs in = RandomTokens(1000, 2);
  const ObjectiveOutputs out = ObjectiveNamed(GetParam())->Evaluate(in);
  const auto ratio_T = torch::exp(in.logprobs_T.detach() - in.old_logprobs_T);
  EXPECT_TRUE(AllClose(GradientOf(out.loss_T, in), -out.gate_T * ratio_T * in.advantages_T));
  EXPECT_TRUE(torch::all(out.gated_T.logical_or(out.gate_T == 1)).item<bool>())
      << "F differs from 1 only where it acts";
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

TEST(MaspoObjectiveTest, TheGateOpensAsTheProbabilityFalls) {
  const MaspoObjective maspo({.alpha = 0.3, .mass_cap = std::numeric_limits<double>::infinity()});
  double previous = 0;
  for (const double probability : {0.9, 0.1, 1e-3, 1e-6, 1e-12}) {
    const double gate = Gates(maspo, {{.old_probability = probability, .ratio = 2}})[0];
    EXPECT_GT(gate, previous);
    previous = gate;
  }
  EXPECT_NEAR(previous, 1, 1e-6);
}

TEST(MaspoObjectiveTest, TheOptionalBoundEndsTheLossOfNegativeTokens) {
  const std::vector<Token> tokens = {{.ratio = 2.9, .advantage = -1}, {.ratio = 4, .advantage = -1}, {.ratio = 4}};
  const ObjectiveInputs in = InputsOf(tokens);
  const ObjectiveOutputs unbounded = MaspoObjective({}).Evaluate(in);
  EXPECT_NEAR(unbounded.loss_T[1].item<float>(), 4, 1e-5);
  EXPECT_FALSE(torch::any(unbounded.bounded_T).item<bool>()) << "off by default";
  const ObjectiveOutputs out = MaspoObjective({.dual_clip = 3}).Evaluate(in);
  EXPECT_NEAR(out.loss_T[0].item<float>(), 2.9, 1e-5);
  EXPECT_NEAR(out.loss_T[1].item<float>(), 3, 1e-6);
  EXPECT_EQ(GradientOf(out.loss_T, in)[1].item<float>(), 0);
  EXPECT_EQ(GradientOf(out.loss_T, in)[2].item<float>(), GradientOf(unbounded.loss_T, in)[2].item<float>());
  EXPECT_TRUE(torch::equal(out.bounded_T, torch::tensor({false, true, false})));
}

TEST(MaspoObjectiveTest, AdvantagesAtThePoleOfTheRiskTermAreHarmless) {
  // 1 / (1 - beta_low A) is infinite at A = 1 / beta_low > 0, where it is not used.
  const ObjectiveInputs in = InputsOf({{.ratio = 1.5, .advantage = 1 / 0.03}, {.ratio = 1.5, .advantage = 100}});
  const ObjectiveOutputs out = MaspoObjective({}).Evaluate(in);
  EXPECT_TRUE(torch::all(torch::isfinite(GradientOf(out.loss_T, in))).item<bool>());
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

std::string Refusal(const v1::ObjectiveConfig& config) { return std::string(MakeObjective(config).status().message()); }

TEST(MakeObjectiveTest, RefusesWhatTheObjectiveWouldIgnore) {
  v1::ObjectiveConfig config;  // maspo by default
  EXPECT_TRUE(MakeObjective(config).ok());
  config.set_clip_low(0.1);
  EXPECT_THAT(Refusal(config), testing::AllOf(HasSubstr("learner.objective.clip_low"), HasSubstr("sigma_base")));
  config.set_name(v1::OBJECTIVE_GRPO_CLIP);
  EXPECT_TRUE(MakeObjective(config).ok());
  config.set_alpha(0.3);
  EXPECT_THAT(Refusal(config), HasSubstr("learner.objective.alpha"));
  v1::ObjectiveConfig sapo = Named("sapo");
  sapo.set_gating(v1::GATING_UNILATERAL);
  EXPECT_THAT(Refusal(sapo), HasSubstr("learner.objective.gating"));
  v1::ObjectiveConfig gspo = Named("gspo");
  gspo.set_log_ratio_clamp(10);
  EXPECT_THAT(Refusal(gspo), HasSubstr("objective gspo has no such parameter (it has: clip_low, clip_high)"));
  v1::ObjectiveConfig kl = Named("maspo");
  kl.set_reference_kl_type(v1::KL_ESTIMATE_K1);
  EXPECT_THAT(Refusal(kl), HasSubstr("no effect without"));
}

// Every field of ObjectiveConfig is a parameter of one objective at least, and each objective refuses all others.
TEST(MakeObjectiveTest, EveryParameterBelongsToSomeObjective) {
  const auto* descriptor = v1::ObjectiveConfig::descriptor();
  for (int i = 0; i < descriptor->field_count(); ++i) {
    const auto* field = descriptor->field(i);
    if (field->name() == "name") continue;
    int owners = 0;
    for (const char* name : kAllObjectives) {
      v1::ObjectiveConfig config = Named(name);
      if (field->cpp_type() == google::protobuf::FieldDescriptor::CPPTYPE_ENUM) {
        config.GetReflection()->SetEnum(&config, field, field->enum_type()->value(0));
      } else {
        config.GetReflection()->SetDouble(&config, field, 0.5);
      }
      owners += Refusal(config).find("has no such parameter") == std::string::npos;
    }
    EXPECT_GT(owners, 0) << field->name();
  }
}

TEST(MakeObjectiveTest, RefusesImpossibleValues) {
  v1::ObjectiveConfig config = Named("maspo");
  config.set_sigma_base(0);
  EXPECT_EQ(Refusal(config), "learner.objective.sigma_base must be greater than 0, not 0");
  config.set_sigma_base(std::nan(""));
  EXPECT_FALSE(MakeObjective(config).ok());
  v1::ObjectiveConfig clip = Named("grpo_clip");
  clip.set_dual_clip(1);
  EXPECT_THAT(Refusal(clip), HasSubstr("dual_clip must be greater than 1"));
  v1::ObjectiveConfig bapo = Named("bapo");
  bapo.set_b_plus(1.1);
  EXPECT_THAT(Refusal(bapo), HasSubstr("b_plus must be at least 1.2"));
  v1::ObjectiveConfig sapo = Named("sapo_paper");
  sapo.set_gating(v1::GATING_NONE);
  EXPECT_EQ(Refusal(sapo), "learner.objective.gating: sapo_paper has bilateral and unilateral, not none");
}

}  // namespace
}  // namespace maspo
