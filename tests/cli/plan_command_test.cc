// `maspo plan`, run with a user's arguments.

#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>

#include "cli/command.h"

namespace maspo {
namespace {

struct Outcome {
  absl::Status status;
  std::string printed;
};

Outcome Plan(const std::string& size, const std::string& flags) {
  const char* source = std::getenv("MASPO_SOURCE_DIR");
  const std::string configs = std::string(source == nullptr ? "." : source) + "/deploy/configs/";
  std::string lower = size;
  lower.back() = 'b';
  CLI::App app;
  CommandBody run;
  AddPlanCommand(app, run);
  app.parse("plan " + configs + "maspo-" + lower + ".yaml --model-config " + configs + "models/R1-Distill-Qwen-" +
            size + ".json " + flags);
  testing::internal::CaptureStdout();
  const absl::Status status = run();
  return {status, testing::internal::GetCapturedStdout()};
}

TEST(PlanCommandTest, PrintsWhatARunTakes) {
  const Outcome outcome = Plan("7B", "--gpus 240");
  EXPECT_TRUE(outcome.status.ok()) << outcome.status;
  for (const char* part :
       {"7.62 billion parameters", "each of 64 ranks", "kept block inputs", "176 workers", "shortest step"})
    EXPECT_NE(outcome.printed.find(part), std::string::npos) << part << " in\n" << outcome.printed;
}

TEST(PlanCommandTest, PrintsTheSameAsData) {
  const Outcome outcome = Plan("14B", "--gpus 240 --json");
  const auto plan = nlohmann::json::parse(outcome.printed);
  EXPECT_TRUE(plan["fits"].get<bool>()) << outcome.status;
  EXPECT_EQ(plan["ranks"], 64);
  EXPECT_EQ(plan["workers"], 176);
  EXPECT_EQ(plan["parameters"], 14770033664);
  int64_t sum = 0;
  for (const auto& [kind, bytes] : plan["rank"]["bytes"].items()) sum += bytes.get<int64_t>();
  EXPECT_NEAR(static_cast<double>(sum), plan["rank"]["total_bytes"].get<double>(), 100);
}

TEST(PlanCommandTest, ARunThatDoesNotFitIsWrongInputThatSaysWhatToChange) {
  const Outcome outcome = Plan("14B", "--gpus 240 --set learner.ranks=2");
  EXPECT_EQ(outcome.status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(outcome.status.message().find("set learner.ranks to "), std::string::npos) << outcome.status;
  EXPECT_NE(outcome.printed.find("master weights"), std::string::npos);
}

TEST(PlanCommandTest, AmountsHaveUnits) {
  const auto usable = [](const std::string& memory) {
    return nlohmann::json::parse(Plan("1.5B", "--gpus 240 --json --gpu-memory " + memory).printed)["usable_bytes"]
        .get<int64_t>();
  };
  EXPECT_EQ(usable("100GiB"), 90LL << 30);
  EXPECT_EQ(usable("100GB"), 90'000'000'000);
  EXPECT_EQ(usable("1e11"), 90'000'000'000);
  for (const char* wrong : {"80Gb", "eighty", "0", "-3G", "inf"}) {
    const absl::Status status = Plan("1.5B", std::string("--gpu-memory=") + wrong).status;
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << wrong;
    EXPECT_NE(status.message().find("--gpu-memory"), std::string::npos) << status;
  }
}

}  // namespace
}  // namespace maspo
