#include "learner/update/policy_update.h"

#include <gtest/gtest.h>

#include <random>

#include "learner/objectives/negative_log_likelihood.h"
#include "model/logprobs.h"
#include "services/base/spelling.h"
#include "tests/learner/sharded/rank_policy.h"
#include "tests/model/gradients.h"
#include "tests/model/held_weights.h"
#include "tests/model/tiny_model.h"

namespace maspo {
namespace {

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
  config.set_name(FromSpelling<v1::Objective>(name).value());
  return config;
}

class PolicyUpdateTest : public ::testing::Test {
 protected:
  // A fresh policy with the same random weights every time.
  void MakePolicy(const v1::OptimizerConfig& config = {}) {
    rank_ = std::make_unique<RankPolicy>(TinyConfig(), *RandomParameters(TinyConfig()), config);
  }
  std::vector<uint64_t> Digest() { return DigestsOf(*rank_->Weights()); }

  // One update of a fresh policy, whose old log-probabilities are off by what noise says.
  UpdateResult ApplyWithBudget(int64_t micro_batch_tokens, std::vector<TrainingGroup> groups,
                               const v1::ObjectiveConfig& objective,
                               v1::Aggregation aggregation = v1::AGGREGATION_TOKEN_MEAN) {
    MakePolicy();
    PolicyUpdate update({.micro_batch_tokens = micro_batch_tokens, .min_micro_batches = 1, .aggregation = aggregation},
                        &rank_->policy, &rank_->optimizer, *MakeObjective(objective), &rank_->policy);
    EXPECT_TRUE(update.RecomputeOldLogprobs(groups).ok());
    EXPECT_TRUE(update.ComputeReferenceLogprobs(groups).ok());
    std::mt19937 random(7);
    std::normal_distribution<float> noise(0, 0.3f);
    for (TrainingGroup& group : groups) {
      for (TrainingResponse& response : group.responses) {
        for (float& logprob : response.old_logprobs) logprob += noise(random);
        for (float& logprob : response.reference_logprobs) logprob += noise(random);
      }
    }
    return *update.Apply(groups, 1e-2);
  }

  void ExpectTheSameForAnySplit(const v1::ObjectiveConfig& objective, v1::Aggregation aggregation) {
    const auto whole = ApplyWithBudget(1 << 20, RandomGroups(1), objective, aggregation);
    ASSERT_TRUE(whole.applied);
    EXPECT_GT(whole.grad_norm, 0);
    const auto reference = rank_->Weights();
    for (const int64_t budget : {1, 12, 40}) {
      const auto split = ApplyWithBudget(budget, RandomGroups(1), objective, aggregation);
      EXPECT_NEAR(split.loss, whole.loss, 1e-6 * std::max(1.0, std::abs(whole.loss))) << Spelling(objective.name());
      EXPECT_NEAR(split.grad_norm, whole.grad_norm, 1e-5 * whole.grad_norm) << Spelling(objective.name());
      EXPECT_EQ(split.metrics.tokens, whole.metrics.tokens);
      EXPECT_EQ(split.metrics.clipped, whole.metrics.clipped) << Spelling(objective.name());
      const auto weights = rank_->Weights();
      for (size_t i = 0; i < reference->buckets().size(); ++i) {
        // Adam's first update is lr * sign(g): elements whose gradient is at rounding level may differ by all of it.
        const auto difference = (reference->buckets()[i].values - weights->buckets()[i].values).abs();
        EXPECT_LT((difference > 1e-4).to(torch::kFloat32).mean().item<float>(), 0.01) << Spelling(objective.name());
      }
    }
  }

  std::unique_ptr<RankPolicy> rank_;
};

TEST_F(PolicyUpdateTest, LossAndParametersDoNotDependOnTheMicrobatchSplit) {
  for (const v1::Aggregation aggregation :
       {v1::AGGREGATION_TOKEN_MEAN, v1::AGGREGATION_SEQ_MEAN_TOKEN_SUM, v1::AGGREGATION_SEQ_MEAN_TOKEN_MEAN}) {
    ExpectTheSameForAnySplit(Named("maspo"), aggregation);
  }
}

// What is decided over the whole mini-batch (bounds, tokens) or over whole responses.
TEST_F(PolicyUpdateTest, NeitherDoObjectivesThatSeeMoreThanAToken) {
  v1::ObjectiveConfig bapo = Named("bapo");
  bapo.set_rho0(0.6);
  bapo.set_contribution(v1::CONTRIBUTION_ABS_SHARE);
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
  PolicyUpdate update({}, &rank_->policy, &rank_->optimizer, *MakeObjective(config));
  const double before = update.RecomputeOldLogprobs(groups)->entropy_mean;
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(update.Apply(groups, 1e-2).ok());
  EXPECT_GT(update.RecomputeOldLogprobs(groups)->entropy_mean, before + 0.01);
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
  v1::OptimizerConfig config;
  config.set_max_grad_norm(0);
  MakePolicy(config);
  PolicyUpdate update({}, &rank_->policy, &rank_->optimizer, *MakeObjective({}));
  EXPECT_TRUE(update.RecomputeOldLogprobs(groups).ok());
  const double norm = update.Apply(groups, 0.0)->grad_norm;

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
  const auto weights = RandomParameters(TinyConfig());
  BeginGradients(*weights);
  const TokenLogprobs scored = ResponseLogprobs(Transformer(TinyConfig(), weights), PackedLayout::Of(packed), 1.0);
  (-(scored.logprobs_N * torch::tensor(advantages)).mean()).backward();
  EXPECT_NEAR(norm, AllGradients(*weights).norm().item<double>(), 1e-5 * norm);
}

TEST_F(PolicyUpdateTest, OldLogprobsEqualTheSamplersWhenItRunsTheSameWeights) {
  auto groups = RandomGroups(3);
  MakePolicy();
  PolicyUpdate update({}, &rank_->policy, &rank_->optimizer, *MakeObjective({}));
  EXPECT_TRUE(update.RecomputeOldLogprobs(groups).ok());
  for (TrainingGroup& group : groups) {
    for (TrainingResponse& response : group.responses) response.behavior_logprobs = response.old_logprobs;
  }
  const auto statistics = *update.RecomputeOldLogprobs(groups);
  EXPECT_EQ(statistics.tokens, 75);
  EXPECT_EQ(statistics.mismatch_abs_max, 0);
}

TEST_F(PolicyUpdateTest, SkipsAnUpdateThatIsNotFiniteAndChangesNothing) {
  auto groups = RandomGroups(4);
  MakePolicy();
  PolicyUpdate update({}, &rank_->policy, &rank_->optimizer, *MakeObjective({}));
  EXPECT_TRUE(update.RecomputeOldLogprobs(groups).ok());
  groups[0].responses[1].advantages[0] = std::numeric_limits<float>::infinity();
  const std::vector<uint64_t> before = Digest();
  EXPECT_FALSE(update.Apply(groups, 1e-2)->applied);
  EXPECT_EQ(Digest(), before);
  EXPECT_EQ(rank_->optimizer.num_updates(), 0);
}

TEST_F(PolicyUpdateTest, AStopBetweenMicrobatchesChangesNothing) {
  auto groups = RandomGroups(4);
  MakePolicy();
  PolicyUpdate update({.micro_batch_tokens = 12}, &rank_->policy, &rank_->optimizer, *MakeObjective(Named("bapo")));
  EXPECT_TRUE(update.RecomputeOldLogprobs(groups).ok());
  const std::vector<uint64_t> before = Digest();
  StopSignal stop;
  stop.RequestStop();
  EXPECT_TRUE(absl::IsCancelled(update.RecomputeOldLogprobs(groups, &stop).status()));
  EXPECT_TRUE(absl::IsCancelled(update.Apply(groups, 1e-2, &stop).status()));
  EXPECT_EQ(Digest(), before);
  for (const ShardedBucket& bucket : rank_->shards.buckets()) EXPECT_EQ(bucket.grads.abs().max().item<float>(), 0);
  EXPECT_EQ(rank_->optimizer.num_updates(), 0);
  EXPECT_TRUE(update.Apply(groups, 1e-2)->applied);
}

TEST_F(PolicyUpdateTest, NegativeLogLikelihoodFallsWhenItIsTrained) {
  auto groups = RandomGroups(5);
  for (TrainingGroup& group : groups) {
    for (TrainingResponse& response : group.responses) {
      response.advantages.assign(response.token_ids.size(), 1.0f);
      response.old_logprobs.assign(response.token_ids.size(), 0.0f);
    }
  }
  MakePolicy();
  PolicyUpdate update({}, &rank_->policy, &rank_->optimizer, std::make_unique<NegativeLogLikelihood>());
  const double first = update.Apply(groups, 1e-2)->loss;
  double last = first;
  for (int i = 0; i < 60; ++i) last = update.Apply(groups, 1e-2)->loss;
  EXPECT_LT(last, 0.5 * first);
}

TEST(AdamWTest, AConstantGradientMovesByTheLearningRateAndDecaysFirst) {
  v1::OptimizerConfig config;
  config.set_weight_decay(0.1);
  config.set_max_grad_norm(0);
  RankPolicy rank(TinyConfig(), *RandomParameters(TinyConfig()), config);
  torch::Tensor head = rank.shards.buckets()[0].master, grads = rank.shards.buckets()[0].grads;
  head.slice(0, 0, 3).copy_(torch::tensor({1.0f, -2.0f, 3.0f}));
  for (int i = 0; i < 2; ++i) {
    grads.slice(0, 0, 3).copy_(torch::tensor({0.1f, -0.2f, 0.3f}));
    EXPECT_TRUE(rank.optimizer.Step(0.01).applied);
  }
  // A constant gradient makes every Adam step exactly lr * sign(g); decay multiplies by 1 - lr * wd = 0.999 before it.
  const auto expected = [](double x, double sign) { return (x * 0.999 - 0.01 * sign) * 0.999 - 0.01 * sign; };
  EXPECT_NEAR(head[0].item<float>(), expected(1, 1), 1e-6);
  EXPECT_NEAR(head[1].item<float>(), expected(-2, -1), 1e-6);
  EXPECT_NEAR(head[2].item<float>(), expected(3, 1), 1e-6);
}

TEST(AdamWTest, ClipsByTheGlobalNorm) {
  RankPolicy rank(TinyConfig(), *RandomParameters(TinyConfig()));
  torch::Tensor first = rank.shards.buckets()[0].grads, second = rank.shards.buckets()[1].grads;
  first[0] = 3;
  second[0] = 4;
  EXPECT_NEAR(rank.optimizer.Step(1e-3).grad_norm, 5, 1e-6);
  EXPECT_NEAR(rank.optimizer.first_moments()[0][0].item<float>(), 0.1 * 3.0 / 5.0, 1e-6);
  EXPECT_EQ(first.abs().max().item<float>(), 0);
}

}  // namespace
}  // namespace maspo
