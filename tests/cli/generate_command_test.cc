#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "model/hugging_face.h"
#include "model/tokenizer.h"
#include "services/base/jsonl.h"
#include "tests/support/temp_dir.h"

namespace maspo {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

const std::string kMessages = R"([{"role": "user", "content": "Compute 20-8+4."}])";

// The quick start's tokenizer and architecture with random weights.
class GenerateCommandTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = std::make_unique<TempDir>();
    const ModelConfig config = *ModelConfig::Load(base_);
    const auto parameters = ParameterSet::Allocate(config, torch::kCPU, torch::kFloat32);
    torch::Generator generator = at::detail::createCPUGenerator(4);
    for (ParameterBucket& bucket : parameters->buckets()) bucket.values.normal_(0, 0.3, generator);
    ASSERT_TRUE(SaveModel(Model(), base_, config, *parameters).ok());
  }
  static void TearDownTestSuite() { folder_.reset(); }
  static std::string Model() { return folder_->File("model"); }

  absl::Status Run(const std::string& prompts, const std::vector<std::string>& flags = {}) {
    std::vector<std::string> arguments = {"generate", "--model", Model(), "--prompts", dir_.Write("in.jsonl", prompts),
                                          "--output", output_};
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    std::reverse(arguments.begin(), arguments.end());  // As CLI11 wants them.
    CLI::App app;
    CommandBody run;
    AddGenerateCommand(app, run);
    app.parse(arguments);
    return run();
  }

  std::vector<json> Output() {
    std::vector<json> lines;
    JsonlReader reader = *JsonlReader::Open(output_);
    for (json line; *reader.Next(line);) lines.push_back(line);
    return lines;
  }

  static inline const std::string base_ = std::string(std::getenv("MASPO_SOURCE_DIR")) + "/examples/quickstart/base";
  static inline std::unique_ptr<TempDir> folder_;
  TempDir dir_;
  const std::string output_ = dir_.File("out.jsonl");
};

TEST_F(GenerateCommandTest, WritesALineForEachResponseInOrderOfPromptAndSample) {
  const absl::Status status = Run(R"({"id": 7, "prompt": "Compute 1+2."}
{"id": "chat", "messages": )" + kMessages +
                                      R"(}
{"id": "ids", "token_ids": [5, 6, 7]}
)",
                                  {"--samples", "2", "--max-new-tokens", "9"});
  ASSERT_TRUE(status.ok()) << status;
  const auto tokenizer = *Tokenizer::Load(Model());
  const std::vector<json> lines = Output();
  ASSERT_THAT(lines, SizeIs(6));
  std::vector<std::string> keys;
  for (const json& line : lines) {
    keys.push_back(line["id"].dump() + "/" + line["sample_index"].dump());
    EXPECT_EQ(line.size(), 7u);
    const auto token_ids = line["token_ids"].get<std::vector<int64_t>>();
    EXPECT_THAT(line["logprobs"], SizeIs(token_ids.size()));
    EXPECT_EQ(line["text"], *tokenizer->Decode(token_ids, /*skip_special_tokens=*/true));
    const bool stopped = std::find(tokenizer->stop_token_ids().begin(), tokenizer->stop_token_ids().end(),
                                   token_ids.back()) != tokenizer->stop_token_ids().end();
    EXPECT_EQ(line["finish_reason"], stopped ? "stop" : "length");
    EXPECT_LE(token_ids.size(), 9u);
  }
  EXPECT_THAT(keys, ElementsAre("7/0", "7/1", "\"chat\"/0", "\"chat\"/1", "\"ids\"/0", "\"ids\"/1"));
  EXPECT_EQ(lines[4]["prompt_token_ids"], (std::vector<int64_t>{5, 6, 7}));
  EXPECT_EQ(lines[0]["prompt_token_ids"], *tokenizer->Encode("Compute 1+2.", true));
  const std::string chat = *tokenizer->ApplyChatTemplate({{"user", "Compute 20-8+4."}}, /*add_generation_prompt=*/true);
  EXPECT_EQ(lines[2]["prompt_token_ids"], *tokenizer->Encode(chat, false));
}

TEST_F(GenerateCommandTest, ResponsesDependOnSeedIdAndSampleNotOnTheBatch) {
  std::string prompts;
  for (int i = 0; i < 5; ++i) prompts += R"({"id": "p)" + std::to_string(i) + R"(", "prompt": "Compute 3+4."})" + "\n";
  ASSERT_TRUE(Run(prompts, {"--samples", "3", "--max-new-tokens", "12"}).ok());
  const std::vector<json> together = Output();
  ASSERT_THAT(together, SizeIs(15));
  EXPECT_NE(together[0]["token_ids"], together[3]["token_ids"]) << "the id does not name the stream";
  ASSERT_TRUE(Run(prompts, {"--samples", "3", "--max-new-tokens", "12", "--max-running", "1"}).ok());
  const std::vector<json> one_by_one = Output();
  for (int i = 0; i < 15; ++i) EXPECT_EQ(one_by_one[i]["token_ids"], together[i]["token_ids"]);
  ASSERT_TRUE(Run(R"({"id": "p4", "prompt": "Compute 3+4."})", {"--max-new-tokens", "12"}).ok());
  EXPECT_EQ(Output()[0]["token_ids"], together[12]["token_ids"]);
  ASSERT_TRUE(Run(prompts, {"--max-new-tokens", "12", "--seed", "4"}).ok());
  EXPECT_NE(Output()[0]["token_ids"], together[0]["token_ids"]);
}

TEST_F(GenerateCommandTest, GreedySamplesAreAllTheSame) {
  ASSERT_TRUE(Run(R"({"id": "a", "prompt": "Compute 3+4."})",
                  {"--samples", "2", "--temperature", "0", "--max-new-tokens", "12"})
                  .ok());
  EXPECT_EQ(Output()[0]["token_ids"], Output()[1]["token_ids"]);
}

TEST_F(GenerateCommandTest, BadInputIsNamedByLineAndLeavesNoOutput) {
  const auto refusal = [&](const std::string& prompts, const std::vector<std::string>& flags = {}) {
    const absl::Status status = Run(prompts, flags);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    EXPECT_FALSE(std::filesystem::exists(output_));
    EXPECT_FALSE(std::filesystem::exists(output_ + ".partial"));
    return std::string(status.message());
  };
  const std::string good = R"({"id": "a", "prompt": "1"})"
                           "\n";
  EXPECT_THAT(refusal(good + R"({"id": "b", "prompt": "1", "anser": 2})"),
              HasSubstr("in.jsonl:2: unknown field \"anser\""));
  EXPECT_THAT(refusal(good + R"({"id": "b", "prompt": "1", "token_ids": [1]})"),
              HasSubstr("in.jsonl:2: exactly one of"));
  EXPECT_THAT(refusal(R"({"id": "b"})"), HasSubstr("in.jsonl:1: exactly one of"));
  EXPECT_THAT(refusal(R"({"prompt": "1"})"), HasSubstr("in.jsonl:1: "));
  EXPECT_THAT(refusal(good + good), HasSubstr("in.jsonl:2: id \"a\" was already used at"));
  EXPECT_THAT(refusal(good + R"({"id": "b", "token_ids": [99999]})"), HasSubstr("in.jsonl:2: prompt token id 99999"));
  EXPECT_THAT(refusal(R"({"id": "b", "prompt": ""})"), HasSubstr("in.jsonl:1: the prompt has no token"));
  EXPECT_THAT(refusal(""), HasSubstr("has no prompts"));
  EXPECT_THAT(refusal(good, {"--temperature", "-1"}), HasSubstr("temperature -1"));
  EXPECT_THAT(refusal(good, {"--top-p", "1.5"}), HasSubstr("top_p 1.5"));
  const int64_t limit = ModelConfig::Load(base_)->max_position_embeddings;
  const json too_long = {{"id", "b"}, {"token_ids", std::vector<int>(limit + 1, 5)}};
  EXPECT_THAT(refusal(good + too_long.dump()), HasSubstr("in.jsonl:2: the prompt has " + std::to_string(limit + 1)));
}

}  // namespace
}  // namespace maspo
