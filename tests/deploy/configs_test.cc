#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "services/config/config_loader.h"

namespace maspo {
namespace {

std::filesystem::path Configs() {
  const char* source = std::getenv("MASPO_SOURCE_DIR");
  return std::filesystem::path(source == nullptr ? "." : source) / "deploy" / "configs";
}

TEST(DeployConfigsTest, EveryFileFitsTheSchema) {
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(Configs())) {
    if (entry.path().extension() != ".yaml") continue;
    ++files;
    const auto config = LoadConfig(entry.path().string());
    EXPECT_TRUE(config.ok()) << config.status();
  }
  EXPECT_GE(files, 2);
}

TEST(DeployConfigsTest, RunsOfTheKubernetesOverlaysFitTheSchema) {
  int files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(Configs().parent_path() / "kubernetes")) {
    if (entry.path().filename() != "run.yaml") continue;
    ++files;
    auto config = LoadConfig(entry.path().string());
    ASSERT_TRUE(config.ok()) << config.status();
    config->mutable_network()->clear_tls();  // Its files exist in the pod alone.
    config->mutable_network()->set_allow_plaintext_on_any_address(true);
    EXPECT_TRUE(ValidateConfig(*config).ok()) << entry.path() << ": " << ValidateConfig(*config);
    EXPECT_EQ(config->network().learner(), "learner-0.learner:50051");
    EXPECT_EQ(config->weights().listen_host(), "");
    EXPECT_EQ(config->metrics().port(), 9464u);
  }
  EXPECT_GE(files, 3);
}

TEST(DeployConfigsTest, QuickstartFindsItsModelAndDataInTheRepository) {
  const auto config = LoadConfig((Configs() / "quickstart.yaml").string());
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_TRUE(ValidateConfig(*config).ok()) << ValidateConfig(*config);
}

TEST(DeployConfigsTest, QuickstartTakesStepsAndSeedFromTheCommandLine) {
  const auto config = LoadConfig((Configs() / "quickstart.yaml").string(), {"run.steps=7", "run.seed=3"});
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->run().steps(), 7u);
  EXPECT_EQ(config->run().seed(), 3u);
}

TEST(DeployConfigsTest, MaspoRecipeHasThePapersBatchesAndObjective) {
  const auto config = LoadConfig((Configs() / "maspo-1.5b.yaml").string());
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->rollout().prompts_per_step() / config->learner().mini_batch_groups(), 16u);
  EXPECT_EQ(config->rollout().max_new_tokens(), 8192u);
  EXPECT_EQ(config->learner().max_staleness(), 0u);
  EXPECT_EQ(config->learner().objective().name(), v1::OBJECTIVE_MASPO);
  EXPECT_DOUBLE_EQ(config->learner().objective().alpha(), 0.5);
  EXPECT_DOUBLE_EQ(config->learner().optimizer().learning_rate(), 1e-6);
}

}  // namespace
}  // namespace maspo
