#include "learner/metrics/metric_catalog.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "services/base/atomic_file.h"

namespace maspo {
namespace {

TEST(MetricCatalogTest, TheDocumentedTableIsTheCatalog) {
  const char* source = std::getenv("MASPO_SOURCE_DIR");
  if (source == nullptr) GTEST_SKIP() << "MASPO_SOURCE_DIR is not set: run this through ctest";
  const auto text = ReadFile(absl::StrCat(source, "/docs/metrics.md"));
  ASSERT_TRUE(text.ok()) << text.status();
  std::set<std::string> documented;
  for (const auto line : absl::StrSplit(*text, '\n')) {
    if (line.size() > 2 && line.substr(0, 3) == "| `") documented.insert(std::string(line));
  }
  std::set<std::string> expected;
  for (const MetricInfo& info : MetricCatalog()) {
    expected.insert(
        absl::StrCat("| `", info.name, "` | ", info.unit, " | ", absl::StrReplaceAll(info.help, {{"|", "\\|"}}), " |"));
  }
  EXPECT_EQ(documented, expected);
}

TEST(MetricCatalogTest, PatternsStandForOnePart) {
  EXPECT_TRUE(IsCatalogued("reward/mean"));
  EXPECT_TRUE(IsCatalogued("verdict/no_answer"));
  EXPECT_TRUE(IsCatalogued("time/update_s"));
  EXPECT_TRUE(IsCatalogued("eval/math500/pass_at_16"));
  EXPECT_FALSE(IsCatalogued("reward"));
  EXPECT_FALSE(IsCatalogued("reward/median"));
  EXPECT_FALSE(IsCatalogued("verdict/a/b"));
  EXPECT_FALSE(IsCatalogued("time/_s"));
}

// The keys that other programs read.
TEST(MetricCatalogTest, HoldsTheFixedKeys) {
  for (const char* name : {"step", "policy_version", "reward/mean", "policy/entropy", "response/length_mean",
                           "policy/gate_mean", "policy/gated_fraction", "policy/kl_old", "mismatch/logprob_abs_mean",
                           "mismatch/logprob_abs_max", "optim/grad_norm", "optim/learning_rate",
                           "rollout/staleness_mean", "throughput/response_tokens_per_s", "time/step_s"}) {
    EXPECT_TRUE(IsCatalogued(name)) << name;
  }
}

}  // namespace
}  // namespace maspo
