#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/goldens/golden_runner.h"
#include "tests/support/shared_data.h"
#include "tests/support/temp_dir.h"

namespace maspo {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(ObjectiveGoldensTest, EveryReferenceCasePasses) {
  const auto folder = SharedFile("data/objectives");
  if (!folder) GTEST_SKIP() << "the shared reference cases are not here";
  std::ostringstream report;
  const auto tally = RunGoldens(*folder, report);
  ASSERT_TRUE(tally.ok()) << tally.status();
  EXPECT_EQ(tally->failed, 0) << report.str();
  EXPECT_EQ(tally->unknown, 0);
  EXPECT_EQ(tally->passed, 165);
}

// A checker that cannot fail proves nothing: each expected number of a case, altered beyond its tolerance, is noticed.
TEST(ObjectiveGoldensTest, NoticesEveryAlteredExpectation) {
  const auto path = SharedFile("data/objectives/maspo.json");
  if (!path) GTEST_SKIP() << "the shared reference cases are not here";
  const nlohmann::json file = nlohmann::json::parse(std::ifstream(*path));
  const nlohmann::json golden = file.at("cases").at(0);
  ASSERT_TRUE(CheckPolicyCase("maspo", golden).ok());
  using Pointer = nlohmann::json::json_pointer;
  for (const char* place : {"/expected/loss", "/expected/metrics/ppo_kl", "/expected/metrics/clip_frac",
                            "/expected/metrics/clip_frac_lower", "/expected/extra_metrics/gated_frac",
                            "/expected/extra_metrics/gate_mean", "/expected/grad_log_prob/0/0", "/expected/gate/0/0"}) {
    nlohmann::json altered = golden;
    altered[Pointer(place)] = altered[Pointer(place)].get<double>() + 1e-4;
    EXPECT_FALSE(CheckPolicyCase("maspo", altered).ok()) << place;
  }
  nlohmann::json altered = golden;
  altered["expected"]["metrics"]["novel"] = 0;
  EXPECT_THAT(std::string(CheckPolicyCase("maspo", altered).message()), HasSubstr("novel"));
  altered = golden;
  altered["params"]["novel"] = 0;
  EXPECT_THAT(std::string(CheckPolicyCase("maspo", altered).message()), HasSubstr("novel"));
}

TEST(ObjectiveGoldensTest, CountsUnknownObjectivesAndMalformedCases) {
  TempDir dir;
  dir.Write("a.json", R"({"schema":"objectives/1","objective":"novel","cases":[{"id":"n-1"},{"id":"n-2"}]})");
  dir.Write("b.json", R"({"schema":"objectives/1","objective":"maspo","cases":[{"id":"m-1"}]})");
  dir.Write("c.json", R"({"schema":"other/1"})");
  std::ostringstream report;
  const auto tally = RunGoldens(dir.path(), report);
  ASSERT_TRUE(tally.ok()) << tally.status();
  EXPECT_EQ(tally->unknown, 2);
  EXPECT_EQ(tally->failed, 1);
  EXPECT_THAT(report.str(), HasSubstr("0 passed, 1 failed, 2 unknown"));
}

TEST(ObjectiveGoldensTest, UnreadableInputIsAnErrorThatNamesIt) {
  TempDir dir;
  std::ostringstream report;
  EXPECT_TRUE(absl::IsNotFound(RunGoldens(dir.File("absent"), report).status()));
  EXPECT_TRUE(absl::IsNotFound(RunGoldens(dir.path(), report).status()));
  dir.Write("broken.json", "{");
  EXPECT_THAT(std::string(RunGoldens(dir.path(), report).status().message()), HasSubstr("broken.json"));
}

}  // namespace
}  // namespace maspo
