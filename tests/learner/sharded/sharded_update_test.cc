// The number of ranks and the ways to save memory change nothing, and all of it is what plain PyTorch does.
#include <gtest/gtest.h>

#include <map>
#include <random>

#include "absl/strings/str_cat.h"
#include "learner/update/policy_update.h"
#include "model/logprobs.h"
#include "model/transformer.h"
#include "services/base/spelling.h"
#include "tests/learner/sharded/rank_policy.h"
#include "tests/learner/sharded/rank_threads.h"
#include "tests/model/gradients.h"
#include "tests/model/held_weights.h"
#include "tests/model/tiny_model.h"

namespace maspo {
namespace {

// Lengths of many sizes, one group without a single advantage.
std::vector<TrainingGroup> RandomGroups(uint32_t seed, int num_groups = 4) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<TrainingGroup> groups(num_groups);
  for (size_t g = 0; g < groups.size(); ++g) {
    groups[g].group_id = absl::StrCat("g", g);
    groups[g].prompt = RandomTokens(random, 2 + random() % 9);
    for (const size_t length : {1u, 4u, 7u, 19u, 33u}) {
      TrainingResponse& response = groups[g].responses.emplace_back();
      response.token_ids = RandomTokens(random, length);
      response.behavior_logprobs.assign(length, -3.0f);
      response.advantages.assign(length, g == 1 ? 0.0f : normal(random));
    }
  }
  return groups;
}

v1::ObjectiveConfig Named(const std::string& name) {
  v1::ObjectiveConfig config;
  config.set_name(FromSpelling<v1::Objective>(name).value());
  if (name == "clip_cov" || name == "kl_cov") config.set_select_ratio(0.1);
  if (name == "clip_cov") config.set_cov_low(0.001);
  return config;
}

struct Case {
  v1::ObjectiveConfig objective = Named("maspo");
  int updates = 3;
  bool tied = true;
  ShardedPolicy::Options policy = {};
  torch::Dtype dtype = torch::kFloat32;
  int min_micro_batches = 8;
};

struct Outcome {
  std::vector<uint64_t> digest;
  double loss = 0, grad_norm = 0;
  uint64_t bytes_sent = 0;
  std::shared_ptr<ParameterSet> weights;
};

// The last update of rank 0.
Outcome Train(int num_ranks, const Case& of) {
  Outcome outcome;
  const ModelConfig model = TinyConfig(of.tied);
  const auto weights = RandomParameters(model);
  const auto frozen = RandomParameters(model);
  RunRanks(num_ranks, [&](std::unique_ptr<Ranks> ranks) {
    v1::OptimizerConfig optimizer;
    optimizer.set_weight_decay(0.01);
    RankPolicy rank(model, *weights, optimizer, of.policy, std::move(ranks), of.dtype);
    const auto reference_shards = *ShardedParameters::Of(
        {.dtype = of.dtype, .rank = rank.ranks->rank(), .num_ranks = rank.ranks->size(), .trainable = false}, model,
        *frozen);
    ShardedParameters shards = reference_shards;
    ShardedPolicy reference(of.policy, model, &shards, rank.ranks.get());
    PolicyUpdate update({.micro_batch_tokens = 60, .min_micro_batches = of.min_micro_batches}, &rank.policy,
                        &rank.optimizer, *MakeObjective(of.objective), &reference);
    UpdateResult result;
    for (int i = 0; i < of.updates; ++i) {
      auto groups = RandomGroups(10 + i);
      ASSERT_TRUE(update.ComputeReferenceLogprobs(groups).ok());
      ASSERT_TRUE(update.RecomputeOldLogprobs(groups).ok());
      for (TrainingGroup& group : groups) {
        for (TrainingResponse& response : group.responses) {
          for (size_t t = 0; t < response.old_logprobs.size(); ++t) response.old_logprobs[t] += t % 2 ? 0.3f : -0.2f;
        }
      }
      const auto applied = update.Apply(groups, 1e-3);
      ASSERT_TRUE(applied.ok() && applied->applied) << applied.status();
      result = *applied;
    }
    const auto whole = rank.Weights();
    if (rank.ranks->rank() != 0) return;
    outcome = {DigestsOf(*whole), result.loss, result.grad_norm, rank.ranks->bytes_sent(), whole};
  });
  return outcome;
}

void ExpectTheSameForAnyNumberOfRanks(const Case& of, const std::vector<int>& counts) {
  const Outcome alone = Train(1, of);
  EXPECT_GT(alone.grad_norm, 0);
  for (const int ranks : counts) {
    const Outcome shared = Train(ranks, of);
    EXPECT_EQ(shared.digest, alone.digest) << ranks << " ranks, " << Spelling(of.objective.name());
    EXPECT_EQ(shared.loss, alone.loss) << ranks;
    EXPECT_EQ(shared.grad_norm, alone.grad_norm) << ranks;
  }
}

TEST(ShardedUpdateTest, FiftyUpdatesAreTheSameForAnyNumberOfRanksBitForBit) {
  ExpectTheSameForAnyNumberOfRanks({.updates = 50}, {2, 3, 4, 8});
  ExpectTheSameForAnyNumberOfRanks({.updates = 10, .tied = false}, {2, 8});
}

TEST(ShardedUpdateTest, SoAreThoseOfEveryObjective) {
  for (const char* name :
       {"grpo_clip", "clip_higher", "dac", "entropy_reg", "adv_reweighting", "entropy_adv", "bapo", "sapo", "gspo",
        "gspo_token", "cispo", "gmpo", "clip_cov", "kl_cov", "gppo", "ce_gppo", "aspo"}) {
    v1::ObjectiveConfig objective = Named(name);
    objective.set_reference_kl_coef(0.1);
    ExpectTheSameForAnyNumberOfRanks({.objective = objective, .updates = 3}, {4});
  }
}

TEST(ShardedUpdateTest, SoAreThoseInBfloat16) {
  ExpectTheSameForAnyNumberOfRanks({.updates = 5, .dtype = torch::kBFloat16}, {2, 4});
}

TEST(ShardedUpdateTest, RanksWithoutWorkTakePart) {
  ExpectTheSameForAnyNumberOfRanks({.updates = 2, .min_micro_batches = 1}, {8});
}

TEST(ShardedUpdateTest, WhatSavesMemoryChangesNothing) {
  const Outcome alone = Train(1, {});
  EXPECT_EQ(Train(1, {.policy = {.kept_graph_bytes = 0}}).digest, alone.digest) << "all blocks computed twice";
  EXPECT_EQ(Train(1, {.policy = {.kept_graph_bytes = 30000}}).digest, alone.digest) << "some of them";
  EXPECT_EQ(Train(2, {.policy = {.keep_gathered = true}}).digest, alone.digest);
  EXPECT_EQ(Train(2, {.policy = {.kept_graph_bytes = 0, .keep_gathered = true}}).digest, alone.digest);
}

TEST(ShardedUpdateTest, OtherReductionsAreNear) {
  const Outcome alone = Train(1, {});
  for (const GradientReducer::Options& reduction :
       {GradientReducer::Options{.in_order = false}, GradientReducer::Options{.wire = torch::kBFloat16}}) {
    const Outcome shared = Train(4, {.policy = {.reduction = reduction}});
    EXPECT_NEAR(shared.grad_norm, alone.grad_norm, 0.01 * alone.grad_norm);
    for (size_t i = 0; i < alone.weights->buckets().size(); ++i) {
      const auto difference = shared.weights->buckets()[i].values - alone.weights->buckets()[i].values;
      EXPECT_LT(difference.abs().max().item<float>(), 6.1e-3) << "three updates of at most 1e-3 each, either way";
      EXPECT_LT(difference.abs().mean().item<float>(), 3e-4);
    }
  }
}

// An independent account of the same: one graph through LibTorch's autograd, its own AdamW and gradient clipping.
TEST(ShardedUpdateTest, IsWhatPlainPyTorchDoes) {
  for (const bool tied : {true, false}) {
    const ModelConfig model = TinyConfig(tied);
    auto groups = RandomGroups(1);
    RankPolicy rank(model, *RandomParameters(model));
    PolicyUpdate update({}, &rank.policy, &rank.optimizer, *MakeObjective(Named("grpo_clip")));
    const auto weights = RandomParameters(model);
    BeginGradients(*weights);
    std::vector<torch::Tensor> leaves;
    for (ParameterBucket& bucket : weights->buckets()) {
      for (Parameter& parameter : bucket.parameters) leaves.push_back(parameter.view);
    }
    torch::optim::AdamW optimizer(leaves,
                                  torch::optim::AdamWOptions(1e-3).betas({0.9, 0.95}).eps(1e-8).weight_decay(0.0));
    std::vector<PackedGroup> packed;
    std::vector<float> advantages;
    for (const TrainingGroup& group : groups) {
      packed.push_back({.prompt = group.prompt, .responses = {}});
      for (const TrainingResponse& response : group.responses) {
        packed.back().responses.push_back(response.token_ids);
        advantages.insert(advantages.end(), response.advantages.begin(), response.advantages.end());
      }
    }
    const torch::Tensor a = torch::tensor(advantages);
    ASSERT_TRUE(update.RecomputeOldLogprobs(groups).ok());
    torch::Tensor old;
    for (int i = 0; i < 5; ++i) {
      const auto result = update.Apply(groups, 1e-3);
      ASSERT_TRUE(result.ok() && result->applied);
      optimizer.zero_grad(/*set_to_none=*/false);
      const auto logprobs = ResponseLogprobs(Transformer(model, weights), PackedLayout::Of(packed), 1.0).logprobs_N;
      if (i == 0) old = logprobs.detach();
      const auto ratio = (logprobs - old).exp();
      (-torch::minimum(ratio * a, ratio.clamp(0.8, 1.2) * a).mean()).backward();
      torch::nn::utils::clip_grad_norm_(leaves, 1.0);
      optimizer.step();
    }
    const auto ours = rank.Weights();
    for (size_t i = 0; i < ours->buckets().size(); ++i) {
      const auto difference = (ours->buckets()[i].values - weights->buckets()[i].values).abs();
      EXPECT_LT((difference > 1e-5).to(torch::kFloat32).mean().item<float>(), 0.005) << tied << " " << i;
    }
  }
}

// Per rank and update: each block gathered twice and the ends once, its gradient sent once.
TEST(ShardedUpdateTest, MovesAsManyBytesAsTheoryHasIt) {
  const ModelConfig model = [] {
    ModelConfig deep = TinyConfig(/*tied=*/true);
    deep.num_layers = 6;  // More than buffers.
    return deep;
  }();
  const auto weights = RandomParameters(model);
  RunRanks(2, [&](std::unique_ptr<Ranks> ranks) {
    RankPolicy rank(model, *weights, {}, {}, std::move(ranks));
    const auto groups = RandomGroups(1);
    const PackedLayout layout = PackedLayout::Of({{.prompt = {1, 2}, .responses = {{3, 4, 5}}}});
    uint64_t shard_of_block = 0, shard_of_ends = 0;
    for (size_t i = 0; i < rank.shards.buckets().size(); ++i) {
      const bool is_block = i > 0 && i + 1 < rank.shards.buckets().size();
      (is_block ? shard_of_block : shard_of_ends) += static_cast<uint64_t>(rank.shards.buckets()[i].compute.nbytes());
    }
    rank.policy.Backward(&layout, [](const TokenLogprobs& says) { return says.logprobs_N.sum(); });
    rank.policy.FinishGradients();
    const uint64_t block = shard_of_block / 6;
    // The last three blocks of the forward are still there when the backward begins.
    EXPECT_EQ(rank.ranks->bytes_sent(), (6 + 3) * block + shard_of_ends + 6 * block + shard_of_ends);
  });
}

// bfloat16 weights take updates that are far below their resolution, as the masters are float32.
TEST(ShardedUpdateTest, SmallUpdatesAreNotLostInBfloat16) {
  const ModelConfig model = TinyConfig();
  RankPolicy rank(model, *RandomParameters(model), {}, {}, nullptr, torch::kBFloat16);
  const auto before = rank.shards.buckets()[1].compute.clone();
  PolicyUpdate update({}, &rank.policy, &rank.optimizer, *MakeObjective(Named("maspo")));
  auto groups = RandomGroups(1, 2);
  ASSERT_TRUE(update.RecomputeOldLogprobs(groups).ok());
  ASSERT_TRUE(update.Apply(groups, 1e-6)->applied);
  EXPECT_GT((rank.shards.buckets()[1].compute == before).to(torch::kFloat32).mean().item<float>(), 0.95);
  const auto master = rank.shards.buckets()[1].master.clone();
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(update.Apply(groups, 1e-6)->applied);
  const auto moved = (rank.shards.buckets()[1].master - master).abs();
  EXPECT_GT(moved.max().item<float>(), 5e-4) << "about a thousand times the learning rate";
  EXPECT_LT((rank.shards.buckets()[1].compute == before).to(torch::kFloat32).mean().item<float>(), 0.9);
}

}  // namespace
}  // namespace maspo
