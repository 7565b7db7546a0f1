#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "learner/metrics/metric_catalog.h"
#include "learner/objectives/loss_aggregation.h"
#include "learner/objectives/policy_measurement.h"
#include "tests/learner/objectives/objective_inputs.h"

namespace maspo {
namespace {

using testing::DoubleEq;
using testing::ElementsAre;

constexpr const char* kModes[] = {"token-mean",          "seq-mean-token-sum",
                                  "seq-mean-token-mean", "seq-mean-token-sum-norm",
                                  "group-token-mean",    "all-seq-mean-token-mean"};

std::vector<double> Weights(const std::string& mode, const MiniBatchShape& shape) {
  return ResponseWeights(FromSpelling<v1::Aggregation>(mode).value(), shape);
}

MiniBatchShape Shape(std::vector<int64_t> response_tokens, std::vector<int64_t> group, double max_response_tokens) {
  MiniBatchShape shape;
  shape.response_tokens = std::move(response_tokens);
  shape.group = std::move(group);
  shape.max_response_tokens = max_response_tokens;
  return shape;
}

TEST(LossAggregationTest, WeightsAreTheReciprocalsOfTheNormalisers) {
  const MiniBatchShape shape = Shape({4, 0, 1, 5}, {0, 0, 7, 7}, 20);
  EXPECT_THAT(Weights("token-mean", shape), ElementsAre(0.1, 0, 0.1, 0.1));
  EXPECT_THAT(Weights("seq-mean-token-sum", shape),
              ElementsAre(DoubleEq(1. / 3), 0, DoubleEq(1. / 3), DoubleEq(1. / 3)));
  EXPECT_THAT(Weights("seq-mean-token-mean", shape),
              ElementsAre(DoubleEq(1. / 12), 0, DoubleEq(1. / 3), DoubleEq(1. / 15)));
  EXPECT_THAT(Weights("seq-mean-token-sum-norm", shape), ElementsAre(0.05, 0, 0.05, 0.05));
  EXPECT_THAT(Weights("group-token-mean", shape), ElementsAre(0.125, 0, DoubleEq(1. / 12), DoubleEq(1. / 12)));
  EXPECT_THAT(Weights("all-seq-mean-token-mean", shape), ElementsAre(0.0625, 0, 0.25, DoubleEq(0.05)));
}

TEST(LossAggregationTest, AMiniBatchWithoutTokensHasNoWeight) {
  for (const char* mode : kModes) {
    EXPECT_THAT(Weights(mode, Shape({0, 0}, {0, 1}, 8)), ElementsAre(0, 0));
  }
}

PolicyMetrics Measure(const std::string& objective_name, const ObjectiveInputs& in) {
  const auto objective = ObjectiveNamed(objective_name);
  const ObjectiveOutputs out = objective->Evaluate(in);
  const torch::Tensor gradient_T = in.logprobs_T.numel() > 0 ? GradientOf(out.loss_T, in) : in.logprobs_T;
  return MeasurePolicy(in, out, gradient_T, objective->traits().log_ratio_limit);
}

TEST(PolicyMetricsTest, MeasuresWhatTheCatalogSays) {
  ObjectiveInputs in = InputsOf({{.ratio = 1.5, .advantage = 1},   // beyond 1 + high
                                 {.ratio = 0.5, .advantage = 1},   // A > 0 moving back
                                 {.ratio = 0.5, .advantage = -1},  // beyond 1 - low
                                 {.ratio = 4, .advantage = -1},    // beyond the dual clip
                                 {.ratio = 1.5, .advantage = 0}});
  in.entropy_T.fill_(0.5);
  const auto metrics = ValuesOf(Measure("maspo", in));
  EXPECT_NEAR(metrics.at("policy/clip_fraction"), 2. / 5, 1e-9);
  EXPECT_NEAR(metrics.at("policy/clip_fraction_lower"), 1. / 5, 1e-9);
  EXPECT_NEAR(metrics.at("policy/bounded_fraction"), 0, 1e-9) << "MASPO has no bound unless asked";
  EXPECT_NEAR(metrics.at("policy/gated_fraction"), 2. / 5, 1e-9);
  EXPECT_NEAR(metrics.at("policy/gated_fraction_positive"), 1. / 2, 1e-9);
  EXPECT_NEAR(metrics.at("policy/gated_fraction_negative"), 1. / 2, 1e-9);
  EXPECT_NEAR(metrics.at("policy/zero_gradient_fraction"), 1. / 5, 1e-9) << "A = 0";
  EXPECT_NEAR(metrics.at("policy/kl_old"), -(2 * std::log(1.5) - 2 * std::log(2.) + std::log(4.)) / 5, 1e-6);
  EXPECT_NEAR(metrics.at("policy/abs_kl"), (2 * std::log(1.5) + 2 * std::log(2.) + std::log(4.)) / 5, 1e-6);
  EXPECT_NEAR(metrics.at("policy/ratio_max"), 4, 1e-5);
  EXPECT_NEAR(metrics.at("policy/ratio_p50"), 1.5, 0.01 * 1.5);
  EXPECT_NEAR(metrics.at("policy/ratio_p99"), 4, 0.02 * 4);
  EXPECT_NEAR(metrics.at("policy/ratio_p1"), 0.5, 0.01);
  EXPECT_NEAR(metrics.at("policy/update_entropy"), 0.5, 1e-9);
  EXPECT_NEAR(metrics.at("policy/effective_sample_share"), 64. / (5 * (2.25 * 2 + 0.25 * 2 + 16)), 1e-5);
  EXPECT_LT(metrics.at("policy/gate_mean_positive"), 1);
  const double k2 = (2 * std::pow(std::log(1.5), 2) + 2 * std::pow(std::log(2.), 2) + std::pow(std::log(4.), 2)) / 10;
  EXPECT_NEAR(metrics.at("policy/kl_old_k2"), k2, 1e-6);
  EXPECT_NEAR(metrics.at("policy/kl_old_k3"), 3. / 5 + metrics.at("policy/kl_old"), 1e-6)
      << "mean of rho - 1 - log rho";
}

// A clipped token has no gradient: the share is measured from the gradient itself, whatever the objective says.
TEST(PolicyMetricsTest, ZeroGradientsAreCountedFromTheGradient) {
  const ObjectiveInputs in = RandomTokens(500, 3);
  const PolicyMetrics metrics = Measure("grpo_clip", in);
  const auto summary = ValuesOf(metrics);
  EXPECT_NEAR(summary.at("policy/zero_gradient_fraction"),
              summary.at("policy/clip_fraction") + static_cast<double>(metrics.zero.tokens) / 500, 1e-9);
  EXPECT_EQ(Measure("cispo", in).zero_gradient, metrics.zero.tokens) << "CISPO keeps every gradient";
}

TEST(PolicyMetricsTest, PartsAddUpToTheWhole) {
  const ObjectiveInputs whole = RandomTokens(1000, 5);
  const PolicyMetrics want = Measure("maspo", whole);
  PolicyMetrics got;
  for (const auto& [begin, end] : {std::pair{0, 10}, std::pair{10, 10}, std::pair{10, 700}, std::pair{700, 1000}}) {
    ObjectiveInputs part = whole;
    const auto cut = [begin = begin, end = end](const torch::Tensor& x_T) { return x_T.slice(0, begin, end); };
    part.logprobs_T = cut(whole.logprobs_T).detach().clone().requires_grad_();
    part.old_logprobs_T = cut(whole.old_logprobs_T);
    part.advantages_T = cut(whole.advantages_T);
    part.entropy_T = cut(whole.entropy_T);
    got.Merge(Measure("maspo", part));
  }
  const auto summary = ValuesOf(got);
  for (const auto& [name, value] : ValuesOf(want)) {
    EXPECT_NEAR(summary.at(name), value, 1e-6 * std::abs(value) + 1e-12) << name;
  }
}

TEST(PolicyMetricsTest, WithoutTokensThereIsNothing) {
  EXPECT_THAT(ValuesOf(Measure("maspo", RandomTokens(0, 7))), testing::IsEmpty());
  const auto positive = ValuesOf(Measure("maspo", InputsOf({{.ratio = 1.5, .advantage = 1}})));
  EXPECT_TRUE(positive.contains("policy/gate_mean_positive"));
  EXPECT_FALSE(positive.contains("policy/gate_mean_negative"));
}

TEST(LogRatioHistogramTest, QuantilesAreRightToAPercentOfTheLogRatio) {
  const torch::Tensor d_T = torch::cat({torch::linspace(-3, 3, 100001), torch::full({10}, 1e-4)});
  const LogRatioHistogram histogram = HistogramOf(d_T);
  const torch::Tensor sorted_T = std::get<0>(d_T.sort());
  for (const double q : {0.01, 0.25, 0.5, 0.99}) {
    const double exact = sorted_T[static_cast<int64_t>(q * 100011)].item<float>();
    EXPECT_NEAR(std::log(histogram.RatioAt(q)), exact, 0.01 * std::abs(exact) + 1e-4) << q;
  }
  EXPECT_NEAR(HistogramOf(torch::full({5}, 50.0)).RatioAt(0.5), std::exp(20), 0.2 * std::exp(20));
  EXPECT_EQ(HistogramOf(torch::zeros({5})).RatioAt(0.5), 1);
  EXPECT_EQ(HistogramOf(torch::tensor({std::nan(""), 0.0, std::nan("")})).RatioAt(0.9), 1) << "NaN";
}

}  // namespace
}  // namespace maspo
