#include "learner/plan/run_plan.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>

#include "services/config/config_loader.h"

namespace maspo {
namespace {

std::filesystem::path Configs() {
  const char* source = std::getenv("MASPO_SOURCE_DIR");
  return std::filesystem::path(source == nullptr ? "." : source) / "deploy" / "configs";
}

ModelConfig Shape(const std::string& size) {
  return ModelConfig::LoadFile((Configs() / "models" / ("R1-Distill-Qwen-" + size + ".json")).string()).value();
}

v1::RunConfig Config(v1::Dtype dtype) {
  v1::RunConfig config;
  config.mutable_model()->set_dtype(dtype);
  return ResolveDefaults(config);
}

Hardware A100s(int64_t gpus) {
  Hardware hardware;
  hardware.gpus = gpus;
  return hardware;
}

TEST(RunPlanTest, ShapesHaveAsManyParametersAsTheModels) {
  const v1::RunConfig config = Config(v1::DTYPE_BFLOAT16);
  EXPECT_EQ(PlanRun(Shape("1.5B"), config, A100s(8), {}).parameters, 1777088000);
  EXPECT_EQ(PlanRun(Shape("7B"), config, A100s(8), {}).parameters, 7615616512);
  EXPECT_EQ(PlanRun(Shape("14B"), config, A100s(8), {}).parameters, 14770033664);
}

TEST(RunPlanTest, StatesAreDividedAmongRanksAndActivationsAreNot) {
  const v1::RunConfig config = Config(v1::DTYPE_BFLOAT16);
  const MemoryPlan of_2 = RankMemory(Shape("7B"), config, 2), of_16 = RankMemory(Shape("7B"), config, 16);
  for (const char* kind : {"master weights", "moments", "gradients", "compute weights"})
    EXPECT_NEAR(of_2.BytesOf(kind) / of_16.BytesOf(kind), 8, 0.05) << kind;
  EXPECT_NEAR(of_16.BytesOf("master weights"), 4 * 7615616512.0 / 16,
              0.005 * 4 * 7615616512.0 / 16);  // Shards are whole chunks.
  EXPECT_NEAR(of_16.BytesOf("moments"), 8 * 7615616512.0 / 16, 0.005 * 8 * 7615616512.0 / 16);
  EXPECT_EQ(of_2.BytesOf("kept block inputs"), of_16.BytesOf("kept block inputs"));
  EXPECT_EQ(of_2.BytesOf("kept block inputs"), 16384.0 * 3584 * 28 * 2);
}

TEST(RunPlanTest, OneRankGathersNothingAndFloat32ComputesWithItsMasters) {
  const MemoryPlan alone = RankMemory(Shape("1.5B"), Config(v1::DTYPE_FLOAT32), 1);
  for (const char* kind :
       {"compute weights", "gathered blocks", "gathered embedding and head", "send and landing buffers"})
    EXPECT_EQ(alone.BytesOf(kind), 0) << kind;
  EXPECT_GT(alone.BytesOf("kept graphs"), 0);
  EXPECT_LE(alone.BytesOf("kept graphs"), 4096.0 * (1 << 20));
  EXPECT_EQ(RankMemory(Shape("1.5B"), Config(v1::DTYPE_FLOAT32), 2).BytesOf("kept graphs"), 0);
}

TEST(RunPlanTest, ALongResponseGoesAloneAndIsReckonedWith) {
  v1::RunConfig config = Config(v1::DTYPE_BFLOAT16);
  config.mutable_learner()->set_micro_batch_tokens(1024);
  const double tokens = 2048 + 8192;  // data.max_prompt_tokens and rollout.max_new_tokens.
  EXPECT_EQ(RankMemory(Shape("7B"), config, 8).BytesOf("kept block inputs"), tokens * 3584 * 28 * 2);
}

TEST(RunPlanTest, AMicroBatchIsNoMoreThanAMiniBatch) {
  v1::RunConfig config = Config(v1::DTYPE_BFLOAT16);
  config.mutable_learner()->set_mini_batch_groups(2);
  config.mutable_rollout()->set_group_size(4);
  config.mutable_rollout()->set_max_new_tokens(1000);
  config.mutable_data()->set_max_prompt_tokens(10);
  EXPECT_EQ(RankMemory(Shape("7B"), config, 8).BytesOf("kept block inputs"), 2 * (10 + 4 * 1000) * 3584 * 28 * 2.0);
}

TEST(RunPlanTest, AReferencePolicyTakesAShardAndBuffers) {
  v1::RunConfig config = Config(v1::DTYPE_BFLOAT16);
  const MemoryPlan without = RankMemory(Shape("7B"), config, 8);
  config.mutable_learner()->mutable_objective()->set_reference_kl_coef(0.01);
  const MemoryPlan with = RankMemory(Shape("7B"), config, 8);
  EXPECT_EQ(without.BytesOf("reference policy"), 0);
  EXPECT_EQ(with.BytesOf("reference policy"), with.BytesOf("compute weights"));
  EXPECT_EQ(with.BytesOf("gathered blocks"), 2 * without.BytesOf("gathered blocks"));
}

TEST(RunPlanTest, SaysHowManyRanksWouldFit) {
  const v1::RunConfig config = Config(v1::DTYPE_BFLOAT16);
  const RunPlan plan = PlanRun(Shape("14B"), config, A100s(64), {});
  ASSERT_GT(plan.fewest_ranks, 1);
  EXPECT_GT(RankMemory(Shape("14B"), config, plan.fewest_ranks - 1).total(), A100s(64).usable_bytes());
  EXPECT_LE(RankMemory(Shape("14B"), config, plan.fewest_ranks).total(), A100s(64).usable_bytes());
  const absl::Status status = CheckFits(plan, config, A100s(64));
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(status.message().find("learner.ranks to " + std::to_string(plan.fewest_ranks)), std::string::npos)
      << status;
}

TEST(RunPlanTest, SaysHowLargeTheCacheMayBe) {
  v1::RunConfig config = Config(v1::DTYPE_BFLOAT16);
  config.mutable_rollout()->set_kv_cache_tokens(100'000'000);
  const RunPlan plan = PlanRun(Shape("1.5B"), config, A100s(8), {});
  const absl::Status status = CheckFits(plan, config, A100s(8));
  EXPECT_NE(status.message().find("rollout.kv_cache_tokens"), std::string::npos) << status;
  config.mutable_rollout()->set_kv_cache_tokens(plan.worker.cache_tokens_that_fit);
  EXPECT_LE(PlanWorker(Shape("1.5B"), config, A100s(8), {}).memory.total(), A100s(8).usable_bytes());
}

TEST(RunPlanTest, RanksThatShareTooLittleMemoryAreRefusedWithWhatTakesIt) {
  v1::RunConfig config = Config(v1::DTYPE_FLOAT32);
  config.mutable_learner()->set_ranks(4);
  const MemoryPlan rank = RankMemory(Shape("1.5B"), config, 4);
  const double needed = 4 * rank.total();
  EXPECT_TRUE(CheckRanksFit(rank, config, 4, needed, "this machine").ok());
  EXPECT_TRUE(CheckRanksFit(rank, config, 4, std::nan(""), "GPU 0").ok());
  const absl::Status refused = CheckRanksFit(rank, config, 4, needed - 1, "this machine");
  EXPECT_EQ(refused.code(), absl::StatusCode::kInvalidArgument);
  for (const char* part : {"4 ranks of the learner need", "but this machine has", "learner.micro_batch_tokens (16384)"})
    EXPECT_NE(refused.message().find(part), std::string::npos) << refused;
}

// Phases take turns: what only one of them needs counts where it is the largest.
TEST(RunPlanTest, ThePeakIsThatOfOnePhase) {
  v1::RunConfig config = Config(v1::DTYPE_FLOAT32);
  const MemoryPlan blocks = RankMemory(Shape("1.5B"), config, 8);
  EXPECT_EQ(blocks.peak, "block");
  EXPECT_EQ(blocks.BytesOf("logits"), 0);
  config.mutable_learner()->set_logits_mib(100'000);
  const MemoryPlan logits = RankMemory(Shape("1.5B"), config, 8);
  EXPECT_EQ(logits.peak, "head");
  EXPECT_EQ(logits.BytesOf("peak of one block"), 0);
  EXPECT_GT(logits.total(), blocks.total());
}

TEST(RunPlanTest, OnlyTrainingKeepsAStepAndPublishes) {
  const v1::RunConfig config = Config(v1::DTYPE_FLOAT32);
  const MemoryPlan train = RankMemory(Shape("1.5B"), config, 1);
  const MemoryPlan learn = RankMemory(Shape("1.5B"), config, 1, LearnerKind::kLearn);
  EXPECT_EQ(train.BytesOf("state of the last step"), 3 * train.BytesOf("master weights"));
  EXPECT_EQ(train.BytesOf("published weights"), train.BytesOf("master weights"));
  EXPECT_EQ(learn.BytesOf("state of the last step") + learn.BytesOf("published weights"), 0);
}

TEST(RunPlanTest, TheBestSplitIsNoSlowerThanItsNeighbours) {
  const v1::RunConfig config = Config(v1::DTYPE_BFLOAT16);
  const ModelConfig model = Shape("7B");
  const Split best = PlanRun(model, config, A100s(240), {}).best;
  ASSERT_GT(best.ranks, 0);
  EXPECT_EQ(best.ranks + best.workers, 240);
  for (const int64_t ranks : {best.ranks - 1, best.ranks + 1}) {
    EXPECT_GE(TimeOfStep(model, config, A100s(240), {}, ranks, 240 - ranks).total(), best.time.total()) << ranks;
  }
}

TEST(RunPlanTest, NoNumberOfWorkersIsFasterThanTheLongestResponse) {
  v1::RunConfig config = Config(v1::DTYPE_BFLOAT16);
  const ModelConfig model = Shape("7B");
  const double weights = 2 * 7615616512.0;
  const double least = 8192 * weights / (2.0e12 * 0.6);  // Tokens, each of which reads all weights.
  EXPECT_GT(TimeOfStep(model, config, A100s(5000), {}, 8, 4992).generate, least);
  config.mutable_learner()->set_max_staleness(1);
  EXPECT_LT(TimeOfStep(model, config, A100s(5000), {}, 8, 4992).generate, least);
}

TEST(RunPlanTest, OverlappedPhasesCostTheLongerOne) {
  v1::RunConfig config = Config(v1::DTYPE_BFLOAT16);
  const StepTime apart = TimeOfStep(Shape("1.5B"), config, A100s(8), {}, 4, 4);
  EXPECT_EQ(apart.total(), apart.generate + apart.learner());
  config.mutable_learner()->set_max_staleness(1);
  const StepTime beside = TimeOfStep(Shape("1.5B"), config, A100s(8), {}, 4, 4);
  EXPECT_EQ(beside.total(), std::max(beside.generate, beside.learner()));
}

TEST(RunPlanTest, RecipesFitThirtyMachinesOfEightA100) {
  for (const char* size : {"1.5b", "7b", "14b"}) {
    const auto config = LoadConfig((Configs() / (std::string("maspo-") + size + ".yaml")).string());
    ASSERT_TRUE(config.ok()) << config.status();
    ASSERT_TRUE(ValidateConfig(*config).ok()) << ValidateConfig(*config);
    std::string shape = size;
    shape.back() = 'B';
    const v1::RunConfig resolved = ResolveDefaults(*config);
    EXPECT_GT(resolved.learner().ranks(), 1u) << size;
    EXPECT_EQ(resolved.model().dtype(), v1::DTYPE_BFLOAT16) << size;
    const RunPlan plan = PlanRun(Shape(shape), resolved, A100s(240), {});
    EXPECT_TRUE(CheckFits(plan, resolved, A100s(240)).ok()) << CheckFits(plan, resolved, A100s(240));
  }
}

TEST(RunPlanTest, ShippedRecipesTakeTheBaselinesObjectives) {
  for (const char* name :
       {"grpo_clip", "clip_higher", "dac", "entropy_reg", "adv_reweighting", "entropy_adv", "bapo", "sapo"}) {
    const auto config =
        LoadConfig((Configs() / "maspo-7b.yaml").string(), {std::string("learner.objective.name=") + name});
    ASSERT_TRUE(config.ok()) << config.status();
    EXPECT_TRUE(ValidateConfig(*config).ok()) << name << ": " << ValidateConfig(*config);
    v1::ObjectiveConfig only_name;
    only_name.set_name(config->learner().objective().name());
    EXPECT_EQ(config->learner().objective().SerializeAsString(), only_name.SerializeAsString()) << name;
  }
}

TEST(RunPlanTest, RunsOfTheKubernetesOverlaysFitOneGpuARole) {
  for (const char* overlay : {"single-node", "a100-30x8"}) {
    auto config = LoadConfig((Configs().parent_path() / "kubernetes" / "overlays" / overlay / "run.yaml").string());
    ASSERT_TRUE(config.ok()) << config.status();
    const v1::RunConfig resolved = ResolveDefaults(*config);
    const RunPlan plan = PlanRun(Shape("1.5B"), resolved, A100s(8), {});
    EXPECT_TRUE(CheckFits(plan, resolved, A100s(8)).ok()) << overlay << ": " << CheckFits(plan, resolved, A100s(8));
  }
}

}  // namespace
}  // namespace maspo
