#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "model/hugging_face.h"
#include "services/base/jsonl.h"
#include "tests/support/temp_dir.h"

namespace maspo {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::SizeIs;

// The base model of the quick start.
class ScoreCommandTest : public ::testing::Test {
 protected:
  absl::Status Run(const std::string& input, const std::vector<std::string>& flags = {}) {
    std::vector<std::string> arguments = {"score",    "--model", model_, "--input", dir_.Write("in.jsonl", input),
                                          "--output", output_};
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    std::reverse(arguments.begin(), arguments.end());  // As CLI11 wants them.
    CLI::App app;
    CommandBody run;
    AddScoreCommand(app, run);
    app.parse(arguments);
    return run();
  }
  void ExpectRefused(const std::string& input, const std::string& message) {
    const absl::Status status = Run(input);
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
    EXPECT_THAT(status.message(), HasSubstr(message));
    EXPECT_FALSE(std::filesystem::exists(output_));
  }
  std::vector<json> Output() {
    std::vector<json> lines;
    JsonlReader reader = *JsonlReader::Open(output_);
    for (json line; *reader.Next(line);) lines.push_back(line);
    return lines;
  }

  const TempDir dir_;
  const std::string model_ = std::string(std::getenv("MASPO_SOURCE_DIR")) + "/examples/quickstart/base";
  const std::string output_ = dir_.File("out.jsonl");
};

TEST_F(ScoreCommandTest, KeepsOrderAndIdsAndGivesOneLogprobLessThanTokens) {
  ASSERT_TRUE(Run("{\"id\": 7, \"token_ids\": [1, 2, 3]}\n\n{\"id\": \"one\", \"token_ids\": [5]}\n").ok());
  const std::vector<json> lines = Output();
  ASSERT_THAT(lines, SizeIs(2));
  EXPECT_EQ(lines[0]["id"], 7);
  EXPECT_THAT(lines[0]["logprobs"], SizeIs(2));
  EXPECT_LT(lines[0]["logprobs"][0], 0);
  EXPECT_EQ(lines[1], json({{"id", "one"}, {"logprobs", json::array()}}));
}

TEST_F(ScoreCommandTest, TheResultDoesNotDependOnTheBatch) {
  std::string input;
  for (int i = 0; i < 20; ++i) {
    std::vector<int> ids;
    for (int t = 0; t <= 3 * i; ++t) ids.push_back((7 * i + 11 * t) % 350);
    input += json({{"id", i}, {"token_ids", ids}}).dump() + "\n";
  }
  ASSERT_TRUE(Run(input).ok());
  const std::vector<json> together = Output();
  ASSERT_TRUE(Run(input, {"--batch-tokens", "1"}).ok());
  const std::vector<json> alone = Output();
  ASSERT_EQ(together.size(), alone.size());
  for (size_t i = 0; i < alone.size(); ++i) {
    const auto a = together[i]["logprobs"].get<std::vector<float>>(),
               b = alone[i]["logprobs"].get<std::vector<float>>();
    EXPECT_THAT(a, ::testing::Pointwise(::testing::FloatNear(1e-5), b));
  }
}

TEST_F(ScoreCommandTest, BadLinesAreNamedAndNothingIsWritten) {
  const std::string good = "{\"id\": 1, \"token_ids\": [1, 2]}\n";
  ExpectRefused(good + R"({"id": 2, "token_ids": [1, 368]})",
                "in.jsonl:2: token id 368 is outside the model's vocabulary of 368");
  ExpectRefused(good + R"({"id": 2, "token_ids": [1], "text": ""})", "in.jsonl:2: unknown field \"text\"");
  ExpectRefused(good + R"({"id": 2, "token_ids": []})", "in.jsonl:2: field \"token_ids\" needs at least one token");
  ExpectRefused(good + R"({"token_ids": [1]})", "in.jsonl:2: field \"id\" is missing");
}

TEST_F(ScoreCommandTest, AnUnknownDeviceIsRefused) {
  EXPECT_THAT(Run("{\"id\": 1, \"token_ids\": [1]}", {"--device", "tpu"}).message(), HasSubstr("device \"tpu\""));
}

}  // namespace
}  // namespace maspo
