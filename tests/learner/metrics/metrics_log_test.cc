#include "learner/metrics/metrics_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <limits>

#include "services/base/atomic_file.h"
#include "tests/support/temp_dir.h"

namespace maspo {
namespace {

using testing::HasSubstr;

class MetricsLogTest : public testing::Test {
 protected:
  MetricsLog Open() {
    auto log = MetricsLog::Open(path_);
    MASPO_CHECK(log.ok());
    return *std::move(log);
  }
  std::string Text() { return *ReadFile(path_); }

  TempDir dir_;
  const std::string path_ = dir_.File("metrics.jsonl");
};

TEST_F(MetricsLogTest, ARowIsInTheFileWhenAppendReturns) {
  MetricsLog log = Open();
  EXPECT_TRUE(log.empty());
  ASSERT_TRUE(log.Append({1, {{"reward/mean", 0.5}, {"policy_version", 1}}}).ok());
  EXPECT_EQ(Text(), "{\"step\":1,\"policy_version\":1.0,\"reward/mean\":0.5}\n");
}

TEST_F(MetricsLogTest, ValuesThatAreNotFiniteBecomeNull) {
  ASSERT_TRUE(
      Open()
          .Append(
              {1, {{"a", std::numeric_limits<double>::quiet_NaN()}, {"b", std::numeric_limits<double>::infinity()}}})
          .ok());
  EXPECT_EQ(Text(), "{\"step\":1,\"a\":null,\"b\":null}\n");
}

TEST_F(MetricsLogTest, NoStepTwice) {
  {
    MetricsLog log = Open();
    ASSERT_TRUE(log.Append({3, {}}).ok());
    EXPECT_TRUE(absl::IsAlreadyExists(log.Append({3, {}})));
    EXPECT_TRUE(absl::IsAlreadyExists(log.Append({2, {}})));
  }
  EXPECT_TRUE(absl::IsAlreadyExists(Open().Append({3, {}})));
  EXPECT_TRUE(Open().Append({4, {}}).ok());
}

TEST_F(MetricsLogTest, ResumingForgetsLaterSteps) {
  MetricsLog log = Open();
  for (const uint64_t step : {0, 1, 2, 3}) ASSERT_TRUE(log.Append({step, {}}).ok());
  ASSERT_TRUE(log.TruncateAfter(1).ok());
  EXPECT_EQ(log.last_step(), 1);
  ASSERT_TRUE(log.Append({2, {{"again", 1}}}).ok());
  EXPECT_EQ(Text(), "{\"step\":0}\n{\"step\":1}\n{\"step\":2,\"again\":1.0}\n");
  ASSERT_TRUE(log.TruncateAfter(9).ok());
  EXPECT_EQ(log.last_step(), 2);
}

TEST_F(MetricsLogTest, ATornRowIsCutOff) {
  ASSERT_TRUE(Open().Append({1, {{"a", 1}}}).ok());
  std::ofstream(path_, std::ios::app) << "{\"step\":2,\"a\"";
  ASSERT_TRUE(Open().Append({2, {}}).ok());
  EXPECT_EQ(Text(), "{\"step\":1,\"a\":1.0}\n{\"step\":2}\n");
}

TEST_F(MetricsLogTest, RowsThatAreNoneAreNamed) {
  dir_.Write("metrics.jsonl", "{\"step\":1}\n{\"step\":1}\n");
  EXPECT_THAT(std::string(MetricsLog::Open(path_).status().message()), HasSubstr("metrics.jsonl:2"));
  dir_.Write("metrics.jsonl", "{\"step\":1}\nhello\n");
  EXPECT_THAT(std::string(MetricsLog::Open(path_).status().message()), HasSubstr("metrics.jsonl:2"));
}

}  // namespace
}  // namespace maspo
