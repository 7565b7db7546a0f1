#include "learner/prompts/prompt_dataset.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/shared_data.h"
#include "tests/support/temp_dir.h"

namespace maspo {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class PromptDatasetTest : public testing::Test {
 protected:
  std::string ErrorOf(const std::string& content) {
    const auto dataset = PromptDataset::Load({dir_.Write("set.jsonl", content)});
    return dataset.ok() ? "" : std::string(dataset.status().message());
  }

  TempDir dir_;
};

TEST_F(PromptDatasetTest, KeepsFileOrderAcrossFilesAndIgnoresOtherColumns) {
  const std::string first = dir_.Write("arith.jsonl", R"({"id":"b","problem":"1+1","answer":"2","level":3})"
                                                      "\n");
  const std::string second = dir_.Write("algebra.jsonl",
                                        "\n"
                                        R"({"id":7,"problem":"x=3","answer":"3","source":"book"})"
                                        "\n");
  const auto dataset = PromptDataset::Load({first, second});
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  ASSERT_EQ(dataset->size(), 2);
  EXPECT_EQ(dataset->at(0).id, "b");
  EXPECT_EQ(dataset->at(0).source, "arith");
  EXPECT_EQ(dataset->at(1).id, "7");
  EXPECT_EQ(dataset->at(1).source, "book");
  EXPECT_EQ(dataset->at(1).where, second + ":2");
  EXPECT_EQ(dataset->Find("7"), &dataset->at(1));
  EXPECT_EQ(dataset->Find("8"), nullptr);
}

TEST_F(PromptDatasetTest, NamesTheLineAndFieldThatIsMissingOrIllTyped) {
  const std::string good = R"({"id":"a","problem":"p","answer":"1"})"
                           "\n";
  EXPECT_THAT(ErrorOf(good + R"({"id":"b","problem":"p"})"), AllOf(HasSubstr("set.jsonl:2"), HasSubstr("\"answer\"")));
  EXPECT_THAT(ErrorOf(good + R"({"id":"b","problem":5,"answer":"1"})"),
              AllOf(HasSubstr("set.jsonl:2"), HasSubstr("\"problem\""), HasSubstr("string")));
  EXPECT_THAT(ErrorOf(good + R"({"problem":"p","answer":"1"})"), AllOf(HasSubstr("set.jsonl:2"), HasSubstr("\"id\"")));
  EXPECT_THAT(ErrorOf(good + R"({"id":"b","problem":"","answer":"1"})"),
              AllOf(HasSubstr("set.jsonl:2"), HasSubstr("\"problem\"")));
}

TEST_F(PromptDatasetTest, NamesBothLinesOfADuplicateId) {
  const std::string rows = R"({"id":"4","problem":"p","answer":"1"})"
                           "\n"
                           R"({"id":"b","problem":"p","answer":"1"})"
                           "\n";
  EXPECT_THAT(ErrorOf(rows + R"({"id":4,"problem":"q","answer":"1"})"),
              AllOf(HasSubstr("set.jsonl:3"), HasSubstr("set.jsonl:1"), HasSubstr("\"4\"")));
}

TEST_F(PromptDatasetTest, RefusesAnEmptySet) {
  EXPECT_THAT(ErrorOf("\n\n"), HasSubstr("set.jsonl"));
  EXPECT_FALSE(PromptDataset::Load({}).ok());
  EXPECT_TRUE(absl::IsNotFound(PromptDataset::Load({dir_.File("absent.jsonl")}).status()));
}

TEST_F(PromptDatasetTest, EncodingNamesTheLineOfAPromptThatIsTooLong) {
  const std::string rows = R"({"id":"a","problem":"12","answer":"1"})"
                           "\n"
                           R"({"id":"b","problem":"12345","answer":"1"})";
  auto dataset = PromptDataset::Load({dir_.Write("set.jsonl", rows)});
  ASSERT_TRUE(dataset.ok());
  const PromptEncoder digits = [](const PromptProblem& problem) -> absl::StatusOr<std::vector<int64_t>> {
    return std::vector<int64_t>(problem.problem.begin(), problem.problem.end());
  };
  EXPECT_THAT(std::string(dataset->Encode(digits, 4).message()),
              AllOf(HasSubstr("set.jsonl:2"), HasSubstr("5 tokens"), HasSubstr("data.max_prompt_tokens is 4")));
  ASSERT_TRUE(dataset->Encode(digits, 5).ok());
  EXPECT_THAT(dataset->at(1).prompt_token_ids, testing::ElementsAre('1', '2', '3', '4', '5'));
}

TEST_F(PromptDatasetTest, LoadsThePublicBenchmarks) {
  const auto folder = SharedFile("data/benchmarks");
  if (!folder) GTEST_SKIP() << "the shared benchmark files are not here";
  const auto dataset = PromptDataset::Load({*folder + "/math500.jsonl"});
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  EXPECT_EQ(dataset->size(), 500);
}

}  // namespace
}  // namespace maspo
