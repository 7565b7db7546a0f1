#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>

#include "learner/objectives/loss_aggregation.h"
#include "learner/objectives/policy_metrics.h"
#include "tests/learner/objectives/objective_inputs.h"
#include "tests/support/shared_data.h"

namespace maspo {
namespace {

using testing::DoubleEq;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kModes[] = {"token-mean", "seq-mean-token-sum", "seq-mean-token-mean", "seq-mean-token-sum-norm",
                                  "group-token-mean"};

std::vector<double> Weights(const std::string& mode, const MiniBatchShape& shape) {
  return ResponseWeights(*ParseLossAggregation(mode), shape);
}

TEST(LossAggregationTest, WeightsAreTheReciprocalsOfTheNormalisers) {
  const MiniBatchShape shape{.response_tokens = {4, 0, 1, 5}, .group = {0, 0, 7, 7}, .max_response_tokens = 20};
  EXPECT_THAT(Weights("token-mean", shape), ElementsAre(0.1, 0, 0.1, 0.1));
  EXPECT_THAT(Weights("seq-mean-token-sum", shape),
              ElementsAre(DoubleEq(1. / 3), 0, DoubleEq(1. / 3), DoubleEq(1. / 3)));
  EXPECT_THAT(Weights("seq-mean-token-mean", shape),
              ElementsAre(DoubleEq(1. / 12), 0, DoubleEq(1. / 3), DoubleEq(1. / 15)));
  EXPECT_THAT(Weights("seq-mean-token-sum-norm", shape), ElementsAre(0.05, 0, 0.05, 0.05));
  EXPECT_THAT(Weights("group-token-mean", shape), ElementsAre(0.125, 0, DoubleEq(1. / 12), DoubleEq(1. / 12)));
}

TEST(LossAggregationTest, AgreesWithTheReferenceCases) {
  const auto path = SharedFile("data/objectives/loss_agg.json");
  if (!path) GTEST_SKIP() << "the shared reference cases are not here";
  const nlohmann::json file = nlohmann::json::parse(std::ifstream(*path));
  int compared = 0;
  for (const auto& golden : file.at("cases")) {
    MiniBatchShape shape;
    shape.group = golden.at("group").get<std::vector<int64_t>>();
    shape.max_response_tokens = golden.at("shape").at(1);
    for (const auto& row : golden.at("inputs").at("response_mask")) {
      int64_t tokens = 0;
      for (const auto& valid : row) tokens += valid.get<double>() != 0 ? 1 : 0;
      shape.response_tokens.push_back(tokens);
    }
    for (const auto& result : golden.at("expected").at("results")) {
      if (!result.at("options").empty()) continue;  // Other normalisers.
      const auto expected = result.at("grad_coefficient_per_response").get<std::vector<double>>();
      const std::vector<double> weights = Weights(result.at("mode"), shape);
      for (size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(weights[i], expected[i], 1e-5 * expected[i]);
      ++compared;
    }
  }
  EXPECT_EQ(compared, 10);
}

TEST(LossAggregationTest, AMiniBatchWithoutTokensHasNoWeight) {
  for (const char* mode : kModes) {
    EXPECT_THAT(Weights(mode, {.response_tokens = {0, 0}, .group = {0, 1}, .max_response_tokens = 8}),
                ElementsAre(0, 0));
  }
}

TEST(LossAggregationTest, UnknownNamesAreRefusedWithTheKnownOnes) {
  EXPECT_THAT(std::string(ParseLossAggregation("mean").status().message()), HasSubstr("seq-mean-token-sum"));
}

// The mini-batch as tokens of responses, in the order given: total loss, gradient of every token, and metrics.
struct Evaluated {
  double loss = 0;
  torch::Tensor gradient_T;
  PolicyMetrics metrics;
};

Evaluated Evaluate(const PolicyObjective& objective, const ObjectiveInputs& whole, const torch::Tensor& weights_T,
                   const std::vector<int64_t>& tokens_of_part) {
  Evaluated result;
  std::vector<torch::Tensor> gradients;
  int64_t begin = 0;
  for (const int64_t tokens : tokens_of_part) {
    ObjectiveInputs part = whole;
    const auto cut = [&](const torch::Tensor& x_T) { return x_T.slice(0, begin, begin + tokens); };
    part.logprobs_T = cut(whole.logprobs_T).detach().clone().requires_grad_();
    part.old_logprobs_T = cut(whole.old_logprobs_T);
    part.advantages_T = cut(whole.advantages_T);
    part.entropy_T = cut(whole.entropy_T);
    const ObjectiveOutputs out = objective.Evaluate(part);
    const auto loss = torch::sum(out.loss_T * cut(weights_T));
    loss.backward();
    result.loss += loss.item<double>();
    result.metrics.Merge(MeasurePolicy(part, out, objective.clip_bounds()));
    gradients.push_back(part.logprobs_T.grad());
    begin += tokens;
  }
  result.gradient_T = torch::cat(gradients);
  return result;
}

TEST(LossAggregationTest, LossGradientAndMetricsDoNotDependOnTheSplit) {
  std::mt19937 random(1);
  const MiniBatchShape shape{
      .response_tokens = {17, 0, 3, 40, 1, 25, 14}, .group = {0, 0, 0, 1, 1, 2, 2}, .max_response_tokens = 64};
  const int64_t total = 100;
  const ObjectiveInputs whole = RandomInputs(total, 6);
  for (const char* mode : kModes) {
    const std::vector<double> weight_of = Weights(mode, shape);
    std::vector<double> weights;
    for (size_t i = 0; i < weight_of.size(); ++i) weights.insert(weights.end(), shape.response_tokens[i], weight_of[i]);
    const torch::Tensor weights_T = torch::tensor(weights, torch::kDouble).to(torch::kFloat);
    for (const char* name : {"maspo", "grpo_clip"}) {
      const auto objective = ObjectiveNamed(name);
      const Evaluated expected = Evaluate(*objective, whole, weights_T, {total});
      for (int trial = 0; trial < 5; ++trial) {
        std::vector<int64_t> parts;
        for (int64_t left = total; left > 0; left -= parts.back()) {
          parts.push_back(std::uniform_int_distribution<int64_t>(0, left)(random));
        }
        const Evaluated split = Evaluate(*objective, whole, weights_T, parts);
        EXPECT_NEAR(split.loss, expected.loss, 1e-6 * std::abs(expected.loss) + 1e-7) << mode;
        EXPECT_TRUE(torch::equal(split.gradient_T, expected.gradient_T)) << mode;
        for (const auto& [metric, value] : expected.metrics.Summary()) {
          EXPECT_NEAR(split.metrics.Summary().at(metric), value, 1e-6 * std::abs(value) + 1e-9) << metric;
        }
      }
    }
  }
}

TEST(PolicyMetricsTest, MeasuresWhatTheReadmeDefines) {
  const ObjectiveInputs in = InputsOf({{.ratio = 1.5, .advantage = 1},   // beyond 1 + high
                                       {.ratio = 0.5, .advantage = 1},   // A > 0 moving back
                                       {.ratio = 0.5, .advantage = -1},  // beyond 1 - low
                                       {.ratio = 4, .advantage = -1},    // beyond the dual clip
                                       {.ratio = 1.5, .advantage = 0}});
  in.entropy_T.fill_(0.5);
  const auto objective = ObjectiveNamed("maspo");
  const auto metrics = MeasurePolicy(in, objective->Evaluate(in), objective->clip_bounds()).Summary();
  EXPECT_NEAR(metrics.at("clip_frac"), 2. / 5, 1e-9);
  EXPECT_NEAR(metrics.at("clip_frac_lower"), 1. / 5, 1e-9);
  EXPECT_NEAR(metrics.at("gated_frac"), 2. / 5, 1e-9);
  EXPECT_NEAR(metrics.at("ppo_kl"), -(2 * std::log(1.5) - 2 * std::log(2.) + std::log(4.)) / 5, 1e-6);
  EXPECT_NEAR(metrics.at("abs_kl"), (2 * std::log(1.5) + 2 * std::log(2.) + std::log(4.)) / 5, 1e-6);
  EXPECT_NEAR(metrics.at("ratio_max"), 4, 1e-5);
  EXPECT_NEAR(metrics.at("entropy"), 0.5, 1e-9);
}

TEST(PolicyMetricsTest, WithoutTokensEverythingIsZero) {
  const ObjectiveInputs in = RandomInputs(0, 7);
  const auto objective = ObjectiveNamed("maspo");
  for (const auto& [name, value] : MeasurePolicy(in, objective->Evaluate(in), objective->clip_bounds()).Summary()) {
    EXPECT_EQ(value, 0) << name;
  }
}

}  // namespace
}  // namespace maspo
