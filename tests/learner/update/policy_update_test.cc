#include "learner/update/policy_update.h"

#include <gtest/gtest.h>

#include <random>

#include "learner/objectives/negative_log_likelihood.h"
#include "model/logprobs.h"
#include "tests/model/tiny_model.h"

namespace maspo {
namespace {

std::vector<int64_t> RandomTokens(std::mt19937& random, size_t count) {
  std::vector<int64_t> tokens(count);
  for (int64_t& token : tokens) token = static_cast<int64_t>(random() % 50);
  return tokens;
}

// Groups of responses of many lengths, an empty one and one without advantage among them.
std::vector<TrainingGroup> RandomGroups(uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<TrainingGroup> groups(3);
  for (TrainingGroup& group : groups) {
    group.prompt = RandomTokens(random, 2 + random() % 6);
    for (const size_t length : {0u, 1u, 3u, 8u, 13u}) {
      TrainingResponse& response = group.responses.emplace_back();
      response.token_ids = RandomTokens(random, length);
      response.behavior_logprobs.assign(length, -2.0f);
      response.advantages.assign(length, length == 3 ? 0.0f : static_cast<float>(random() % 100) / 25 - 2);
    }
  }
  return groups;
}

v1::ObjectiveConfig Named(const std::string& name) {
  v1::ObjectiveConfig config;
  config.set_name(name);
  return config;
}

class PolicyUpdateTest : public ::testing::Test {
 protected:
  // A fresh policy with the same random weights every time.
  void MakePolicy() {
    parameters_ = RandomParameters(TinyConfig());
    policy_ = std::make_unique<Transformer>(TinyConfig(), parameters_);
    v1::OptimizerConfig config;
    config.set_learning_rate(1e-2);
    optimizer_ = std::make_unique<AdamW>(parameters_, config);
  }

  // One update of a fresh policy, whose old log-probabilities are off by what noise says.
  PolicyUpdate::Result ApplyWithBudget(int64_t micro_batch_tokens, std::vector<TrainingGroup> groups,
                                       const v1::ObjectiveConfig& objective,
                                       LossAggregation aggregation = LossAggregation::kTokenMean) {
    MakePolicy();
    PolicyUpdate update({.micro_batch_tokens = micro_batch_tokens, .aggregation = aggregation}, policy_.get(),
                        optimizer_.get(), *MakeObjective(objective), policy_.get());
    update.RecomputeOldLogprobs(groups);
    update.ComputeReferenceLogprobs(groups);
    std::mt19937 random(7);
    std::normal_distribution<float> noise(0, 0.3f);
    for (TrainingGroup& group : groups) {
      for (TrainingResponse& response : group.responses) {
        for (float& logprob : response.old_logprobs) logprob += noise(random);
        for (float& logprob : response.reference_logprobs) logprob += noise(random);
      }
    }
    return update.Apply(groups, 1e-2);
  }

  void ExpectTheSameForAnySplit(const v1::ObjectiveConfig& objective, LossAggregation aggregation) {
    const auto whole = ApplyWithBudget(1 << 20, RandomGroups(1), objective, aggregation);
    ASSERT_TRUE(whole.applied);
    EXPECT_GT(whole.grad_norm, 0);
    const auto reference = ParameterSet::Allocate(TinyConfig(), torch::kCPU, torch::kFloat32, false);
    reference->CopyFrom(*parameters_);
    for (const int64_t budget : {1, 12, 40}) {
      const auto split = ApplyWithBudget(budget, RandomGroups(1), objective, aggregation);
      EXPECT_NEAR(split.loss, whole.loss, 1e-6 * std::max(1.0, std::abs(whole.loss))) << objective.name();
      EXPECT_NEAR(split.grad_norm, whole.grad_norm, 1e-5 * whole.grad_norm) << objective.name();
      EXPECT_EQ(split.metrics.tokens, whole.metrics.tokens);
      EXPECT_EQ(split.metrics.clipped, whole.metrics.clipped) << objective.name();
      for (size_t i = 0; i < reference->buckets().size(); ++i) {
        // Adam's first update is lr * sign(g): elements whose gradient is at rounding level may differ by all of it.
        const auto difference = (reference->buckets()[i].values - parameters_->buckets()[i].values).abs();
        EXPECT_LT((difference > 1e-4).to(torch::kFloat32).mean().item<float>(), 0.01) << objective.name();
      }
    }
  }

  std::shared_ptr<ParameterSet> parameters_;
  std::unique_ptr<Transformer> policy_;
  std::unique_ptr<AdamW> optimizer_;
};

TEST_F(PolicyUpdateTest, LossAndParametersDoNotDependOnTheMicrobatchSplit) {
  for (const LossAggregation aggregation :
       {LossAggregation::kTokenMean, LossAggregation::kSeqMeanTokenSum, LossAggregation::kSeqMeanTokenMean}) {
    ExpectTheSameForAnySplit(Named("maspo"), aggregation);
  }
}

// What is decided over the whole mini-batch (bounds, tokens) or over whole responses.
TEST_F(PolicyUpdateTest, NeitherDoObjectivesThatSeeMoreThanAToken) {
  v1::ObjectiveConfig bapo = Named("bapo");
  bapo.set_rho0(0.6);
  bapo.set_contribution("abs_share");
  v1::ObjectiveConfig clip_cov = Named("clip_cov");
  clip_cov.set_select_ratio(0.1);
  clip_cov.set_cov_low(0.01);
  clip_cov.set_cov_high(100);
  v1::ObjectiveConfig kl_cov = Named("kl_cov");
  kl_cov.set_select_ratio(0.1);
  v1::ObjectiveConfig regularized = Named("entropy_reg");
  regularized.set_reference_kl_coef(0.1);
  for (const auto& config : {bapo, clip_cov, kl_cov, regularized, Named("gspo"), Named("gmpo")}) {
    ExpectTheSameForAnySplit(config, (*MakeObjective(config))->traits().aggregation);
  }
}

// A response without advantage has no policy gradient, and is left out; a bonus for its entropy needs it.
TEST_F(PolicyUpdateTest, ResponsesWithoutAdvantageAreThereForThoseThatNeedThem) {
  EXPECT_EQ(ApplyWithBudget(64, RandomGroups(1), Named("grpo_clip")).metrics.tokens, 3 * (1 + 8 + 13));
  EXPECT_EQ(ApplyWithBudget(64, RandomGroups(1), Named("entropy_reg")).metrics.tokens, 3 * (1 + 3 + 8 + 13));
}

TEST_F(PolicyUpdateTest, AnEntropyBonusRaisesTheEntropy) {
  auto groups = RandomGroups(6);
  for (TrainingGroup& group : groups) {
    for (TrainingResponse& response : group.responses) response.advantages.assign(response.token_ids.size(), 0.0f);
  }
  MakePolicy();
  v1::ObjectiveConfig config = Named("entropy_reg");
  config.set_entropy_coef(1);
  PolicyUpdate update({}, policy_.get(), optimizer_.get(), *MakeObjective(config));
  const double before = update.RecomputeOldLogprobs(groups).entropy_mean;
  for (int i = 0; i < 20; ++i) update.Apply(groups, 1e-2);
  EXPECT_GT(update.RecomputeOldLogprobs(groups).entropy_mean, before + 0.01);
}

TEST_F(PolicyUpdateTest, RejectedResponsesCountAsEmptyAndCorrectionsAsFactors) {
  auto without = RandomGroups(8), rejected = RandomGroups(8);
  without[1].responses[4] = {};
  rejected[1].responses[4].rejected = true;
  const auto want = ApplyWithBudget(1 << 20, without, Named("maspo"));
  EXPECT_EQ(ApplyWithBudget(1 << 20, rejected, Named("maspo")).metrics.tokens, want.metrics.tokens);

  auto halved = RandomGroups(8);
  for (TrainingGroup& group : halved) {
    for (TrainingResponse& response : group.responses) response.correction.assign(response.token_ids.size(), 0.5f);
  }
  const auto plain = ApplyWithBudget(1 << 20, RandomGroups(8), Named("maspo"));
  const auto corrected = ApplyWithBudget(1 << 20, halved, Named("maspo"));
  EXPECT_NEAR(corrected.loss, plain.loss / 2, 1e-6);
  EXPECT_NEAR(corrected.grad_norm, plain.grad_norm / 2, 1e-5 * plain.grad_norm);
}

TEST_F(PolicyUpdateTest, OnPolicyGradientIsThatOfTheMeanAdvantageWeightedLogprob) {
  // With old = current every ratio and gate is 1: d loss = -mean over all tokens of A * d logprob.
  auto groups = RandomGroups(2);
  parameters_ = RandomParameters(TinyConfig());
  policy_ = std::make_unique<Transformer>(TinyConfig(), parameters_);
  v1::OptimizerConfig config;
  config.set_max_grad_norm(0);
  optimizer_ = std::make_unique<AdamW>(parameters_, config);
  PolicyUpdate update({}, policy_.get(), optimizer_.get(), *MakeObjective({}));
  update.RecomputeOldLogprobs(groups);
  const double norm = update.Apply(groups, 0.0).grad_norm;

  std::vector<PackedGroup> packed;
  std::vector<float> advantages;
  for (const TrainingGroup& group : groups) {
    PackedGroup& out = packed.emplace_back();
    out.prompt = group.prompt;
    for (const TrainingResponse& response : group.responses) {
      out.responses.push_back(response.token_ids);
      advantages.insert(advantages.end(), response.advantages.begin(), response.advantages.end());
    }
  }
  const TokenLogprobs scored = ResponseLogprobs(*policy_, PackedLayout::Of(packed), 1.0);
  (-(scored.logprobs_N * torch::tensor(advantages)).mean()).backward();
  double squares = 0;
  for (const ParameterBucket& bucket : parameters_->buckets()) squares += bucket.grads.square().sum().item<double>();
  EXPECT_NEAR(norm, std::sqrt(squares), 1e-5 * norm);
}

TEST_F(PolicyUpdateTest, OldLogprobsEqualTheSamplersWhenItRunsTheSameWeights) {
  auto groups = RandomGroups(3);
  parameters_ = RandomParameters(TinyConfig());
  policy_ = std::make_unique<Transformer>(TinyConfig(), parameters_);
  optimizer_ = std::make_unique<AdamW>(parameters_, v1::OptimizerConfig());
  PolicyUpdate update({}, policy_.get(), optimizer_.get(), *MakeObjective({}));
  update.RecomputeOldLogprobs(groups);
  for (TrainingGroup& group : groups) {
    for (TrainingResponse& response : group.responses) response.behavior_logprobs = response.old_logprobs;
  }
  const auto statistics = update.RecomputeOldLogprobs(groups);
  EXPECT_EQ(statistics.tokens, 75);
  EXPECT_EQ(statistics.mismatch_abs_max, 0);
}

TEST_F(PolicyUpdateTest, SkipsAnUpdateThatIsNotFiniteAndChangesNothing) {
  auto groups = RandomGroups(4);
  parameters_ = RandomParameters(TinyConfig());
  policy_ = std::make_unique<Transformer>(TinyConfig(), parameters_);
  optimizer_ = std::make_unique<AdamW>(parameters_, v1::OptimizerConfig());
  PolicyUpdate update({}, policy_.get(), optimizer_.get(), *MakeObjective({}));
  update.RecomputeOldLogprobs(groups);
  groups[0].responses[1].advantages[0] = std::numeric_limits<float>::infinity();
  const std::string before = DigestOf(*parameters_);
  EXPECT_FALSE(update.Apply(groups, 1e-2).applied);
  EXPECT_EQ(DigestOf(*parameters_), before);
  EXPECT_EQ(optimizer_->num_updates(), 0);
}

TEST_F(PolicyUpdateTest, NegativeLogLikelihoodFallsWhenItIsTrained) {
  auto groups = RandomGroups(5);
  for (TrainingGroup& group : groups) {
    for (TrainingResponse& response : group.responses) {
      response.advantages.assign(response.token_ids.size(), 1.0f);
      response.old_logprobs.assign(response.token_ids.size(), 0.0f);
    }
  }
  parameters_ = RandomParameters(TinyConfig());
  policy_ = std::make_unique<Transformer>(TinyConfig(), parameters_);
  optimizer_ = std::make_unique<AdamW>(parameters_, v1::OptimizerConfig());
  PolicyUpdate update({}, policy_.get(), optimizer_.get(), std::make_unique<NegativeLogLikelihood>());
  const double first = update.Apply(groups, 1e-2).loss;
  double last = first;
  for (int i = 0; i < 60; ++i) last = update.Apply(groups, 1e-2).loss;
  EXPECT_LT(last, 0.5 * first);
}

TEST(AdamWTest, AConstantGradientMovesByTheLearningRateAndDecaysFirst) {
  const auto parameters = RandomParameters(TinyConfig());
  v1::OptimizerConfig config;
  config.set_weight_decay(0.1);
  config.set_max_grad_norm(0);
  AdamW optimizer(parameters, config);
  torch::Tensor head = parameters->buckets()[0].values;
  head.slice(0, 0, 3).copy_(torch::tensor({1.0f, -2.0f, 3.0f}));
  for (int i = 0; i < 2; ++i) {
    parameters->buckets()[0].grads.slice(0, 0, 3).copy_(torch::tensor({0.1f, -0.2f, 0.3f}));
    EXPECT_TRUE(optimizer.Step(0.01).applied);
  }
  // A constant gradient makes every Adam step exactly lr * sign(g); decay multiplies by 1 - lr * wd = 0.999 before it.
  const auto expected = [](double x, double sign) { return (x * 0.999 - 0.01 * sign) * 0.999 - 0.01 * sign; };
  EXPECT_NEAR(head[0].item<float>(), expected(1, 1), 1e-6);
  EXPECT_NEAR(head[1].item<float>(), expected(-2, -1), 1e-6);
  EXPECT_NEAR(head[2].item<float>(), expected(3, 1), 1e-6);
}

TEST(AdamWTest, ClipsByTheGlobalNorm) {
  const auto parameters = RandomParameters(TinyConfig());
  AdamW optimizer(parameters, v1::OptimizerConfig());
  parameters->buckets()[0].grads.fill_(0);
  parameters->buckets()[0].grads[0] = 3;
  parameters->buckets()[1].grads[0] = 4;
  EXPECT_NEAR(optimizer.Step(1e-3).grad_norm, 5, 1e-6);
  EXPECT_NEAR(optimizer.first_moments()[0][0].item<float>(), 0.1 * 3.0 / 5.0, 1e-6);
  EXPECT_EQ(parameters->buckets()[0].grads.abs().max().item<float>(), 0);
}

}  // namespace
}  // namespace maspo
