#include "collective/gpu_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <iterator>

namespace maspo {
namespace {

TEST(GpuMetricsTest, WhatTheDriverDoesNotTellIsLeftOut) {
  GpuUse use{};
  use.allocated_bytes = 5;
  use.utilization = 0.25;
  use.watts = std::nan("");
  std::map<std::string, double> values;
  for (const MetricSample& sample : GpuSamples(use, /*gpu=*/3)) {
    EXPECT_EQ(sample.labels, (std::map<std::string, std::string>{{"gpu", "3"}}));
    EXPECT_FALSE(sample.help.empty());
    values[sample.name] = sample.value;
  }
  EXPECT_EQ(values.size(), 8u);
  EXPECT_EQ(values.at("maspo_gpu_memory_allocated_bytes"), 5);
  EXPECT_EQ(values.at("maspo_gpu_utilization_ratio"), 0.25);
  EXPECT_FALSE(values.contains("maspo_gpu_power_watts"));
}

TEST(GpuMetricsTest, TheDocumentationListsThem) {
  std::ifstream in(std::string(std::getenv("MASPO_SOURCE_DIR")) + "/docs/prometheus.md");
  const std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  for (const MetricSample& sample : GpuSamples(GpuUse{}, 0)) {
    EXPECT_THAT(text, ::testing::HasSubstr("| `" + sample.name + "` | gpu |"));
  }
}

TEST(GpuMetricsTest, TheCpuHasNone) { EXPECT_THAT(GpuSamples(torch::kCPU), ::testing::IsEmpty()); }

}  // namespace
}  // namespace maspo
