#include "model/initialization.h"

#include <gtest/gtest.h>

#include <cmath>

#include "absl/strings/match.h"
#include "tests/model/held_weights.h"
#include "tests/model/tiny_model.h"

namespace maspo {
namespace {

std::shared_ptr<ParameterSet> Fresh(const ModelConfig& config, uint64_t seed) {
  auto parameters = ParameterSet::Allocate(config, torch::kCPU, torch::kFloat32);
  InitializeRandomly(*parameters, config, seed);
  return parameters;
}

TEST(InitializationTest, TheSeedDecidesEveryWeight) {
  const std::vector<uint64_t> digests = DigestsOf(*Fresh(TinyConfig(), 1));
  EXPECT_EQ(DigestsOf(*Fresh(TinyConfig(), 1)), digests);
  EXPECT_NE(DigestsOf(*Fresh(TinyConfig(), 2)), digests);
}

TEST(InitializationTest, DeviationsFollowFanInAndDepth) {
  ModelConfig config = TinyConfig(/*tied=*/false);
  config.hidden_size = 192;  // Wide enough for deviations to be measured within a few percent.
  config.intermediate_size = 256;
  config.vocab_size = 500;
  const auto parameters = Fresh(config, 5);
  for (const ParameterBucket& bucket : parameters->buckets()) {
    for (const Parameter& parameter : bucket.parameters) {
      const auto& name = parameter.name;
      if (parameter.shape.size() == 1) {
        const double value = absl::EndsWith(name, ".bias") ? 0 : 1;
        EXPECT_TRUE(torch::equal(parameter.view, torch::full_like(parameter.view, value))) << name;
        continue;
      }
      double deviation = 1 / std::sqrt(static_cast<double>(parameter.shape[1]));
      if (absl::StrContains(name, "embed")) deviation = 0.05;
      if (absl::StrContains(name, "o_proj") || absl::StrContains(name, "down_proj")) deviation /= 2;  // 2 layers.
      EXPECT_NEAR(parameter.view.std().item<double>(), deviation, 0.05 * deviation) << name;
    }
  }
}

}  // namespace
}  // namespace maspo
