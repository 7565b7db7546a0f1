#include "learner/checkpoint/checkpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "model/hugging_face.h"
#include "tests/support/temp_dir.h"

namespace maspo {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

// Checkpoints of the quick start's model, whose optimizer has taken some steps.
class CheckpointTest : public ::testing::Test {
 protected:
  CheckpointTest() : parameters_(*LoadWeights(base_, config_, torch::kCPU, torch::kFloat32, /*trainable=*/true)) {}

  void TakeStep() {
    for (ParameterBucket& bucket : parameters_->buckets()) bucket.grads.normal_(0, 1);
    ASSERT_TRUE(optimizer_.Step(1e-3).applied);
  }
  RunState StateOf(uint64_t step) {
    return {.step = step,
            .planned_updates = 8 * step,
            .skipped_updates = 1,
            .prompt_cursor = 16 * step,
            .ledger_offset = 1000 * step,
            .seed = 3};
  }
  std::string Save(uint64_t step) {
    const absl::Status status = store_.Save(StateOf(step), policy_, optimizer_);
    EXPECT_TRUE(status.ok()) << status;
    return store_.Newest().value_or("");
  }

  const TempDir dir_;
  const std::string base_ = std::string(std::getenv("MASPO_SOURCE_DIR")) + "/examples/quickstart/base";
  const ModelConfig config_ = *ModelConfig::Load(base_);
  const std::shared_ptr<ParameterSet> parameters_;
  Transformer policy_{config_, parameters_};
  AdamW optimizer_{parameters_, {}};
  CheckpointStore store_{{.folder = dir_.File("checkpoints"), .source_folder = base_, .keep = 2}};
};

TEST_F(CheckpointTest, GivesBackStateWeightsAndMoments) {
  TakeStep();
  TakeStep();
  const std::string path = Save(50);
  EXPECT_EQ(fs::path(path).filename(), "step-00000050");

  const auto state = CheckpointStore::LoadState(path);
  ASSERT_TRUE(state.ok()) << state.status();
  EXPECT_EQ(state->step, 50);
  EXPECT_EQ(state->planned_updates, 400);
  EXPECT_EQ(state->skipped_updates, 1);
  EXPECT_EQ(state->prompt_cursor, 800);
  EXPECT_EQ(state->ledger_offset, 50000);
  EXPECT_EQ(state->seed, 3);

  const auto weights = LoadWeights(path, *ModelConfig::Load(path), torch::kCPU, torch::kFloat32, /*trainable=*/true);
  ASSERT_TRUE(weights.ok()) << weights.status();
  EXPECT_EQ(DigestOf(**weights), DigestOf(*parameters_));
  AdamW restored(*weights, {});
  ASSERT_TRUE(CheckpointStore::LoadOptimizer(path, **weights, restored).ok());
  EXPECT_EQ(restored.num_updates(), 2);
  for (size_t i = 0; i < parameters_->buckets().size(); ++i) {
    EXPECT_TRUE(torch::equal(restored.first_moments()[i], optimizer_.first_moments()[i]));
    EXPECT_TRUE(torch::equal(restored.second_moments()[i], optimizer_.second_moments()[i]));
  }
}

TEST_F(CheckpointTest, KeepsTheNewest) {
  for (const uint64_t step : {9, 10, 100}) Save(step);
  EXPECT_EQ(store_.Newest(), dir_.File("checkpoints/step-00000100"));
  EXPECT_TRUE(fs::exists(dir_.File("checkpoints/step-00000010")));
  EXPECT_FALSE(fs::exists(dir_.File("checkpoints/step-00000009")));
}

TEST_F(CheckpointTest, AnUnfinishedOneIsNoCheckpointAndIsReplaced) {
  EXPECT_EQ(store_.Newest(), std::nullopt);
  dir_.Write("checkpoints/step-00000007.partial/run_state.json", "{");
  EXPECT_EQ(store_.Newest(), std::nullopt);
  const std::string path = Save(7);
  EXPECT_TRUE(CheckpointStore::LoadState(path).ok());
  EXPECT_FALSE(fs::exists(path + ".partial"));
}

TEST_F(CheckpointTest, SavingAStepAgainLeavesItAsItIs) {
  const std::string path = Save(1);
  const auto written = fs::last_write_time(path + "/model.safetensors");
  TakeStep();
  Save(1);
  EXPECT_EQ(fs::last_write_time(path + "/model.safetensors"), written);
}

TEST_F(CheckpointTest, DamageIsNamed) {
  const std::string path = Save(1);
  fs::resize_file(path + "/optimizer.safetensors", 100);
  AdamW restored(parameters_, {});
  EXPECT_THAT(CheckpointStore::LoadOptimizer(path, *parameters_, restored).message(),
              HasSubstr("optimizer.safetensors"));
  dir_.Write("checkpoints/step-00000001/run_state.json", R"({"step": 1})");
  const absl::Status status = CheckpointStore::LoadState(path).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(status.message(), HasSubstr("run_state.json: \"planned_updates\" is missing"));
}

TEST_F(CheckpointTest, TheOptimizerOfAnotherModelIsRefused) {
  const std::string path = Save(1);
  ModelConfig wider = config_;
  wider.intermediate_size *= 2;
  const auto other = ParameterSet::Allocate(wider, torch::kCPU, torch::kFloat32, /*trainable=*/true);
  AdamW optimizer(other, {});
  EXPECT_EQ(CheckpointStore::LoadOptimizer(path, *other, optimizer).code(), absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace maspo
