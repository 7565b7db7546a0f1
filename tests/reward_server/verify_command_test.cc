#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <regex>
#include <string>
#include <vector>

#include "cli/command.h"
#include "services/base/atomic_file.h"
#include "tests/support/temp_dir.h"

namespace maspo {
namespace {

class VerifyCommandTest : public testing::Test {
 protected:
  absl::Status Run(const std::string& input) {
    CLI::App app;
    CommandBody body;
    AddVerifyCommand(app, body);
    app.parse("verify --input " + input + " --output " + output_);
    return body();
  }

  TempDir dir_;
  const std::string output_ = dir_.File("out.jsonl");
};

TEST_F(VerifyCommandTest, WritesOneResultALineInOrder) {
  const std::string input = dir_.Write("in.jsonl",
                                       "{\"id\": \"a\", \"gold\": \"7\", \"response\": \"so \\\\boxed{7}\"}\n"
                                       "{\"id\": 2, \"gold\": \"7\", \"response\": \"so 8\"}\n"
                                       "\n"
                                       "{\"id\": \"c\", \"gold\": \"7\", \"response\": \"no idea\"}\n"
                                       "{\"id\": \"d\", \"gold\": \"7\", \"response\": \"\\\\boxed{?}\"}\n");
  ASSERT_TRUE(Run(input).ok());
  const std::string shown = std::regex_replace(*ReadFile(output_), std::regex("\"micros\":[0-9]+"), "\"micros\":0");
  EXPECT_EQ(shown, R"({"id":"a","verdict":"correct","equal":true,"reward":1.0,"answer":"7","gold_answer":"7",)"
                   R"("decided_by":"integer","micros":0})"
                   "\n"
                   R"({"id":2,"verdict":"wrong","equal":false,"reward":-1.0,"answer":"8","gold_answer":"7",)"
                   R"("decided_by":"integer","micros":0})"
                   "\n"
                   R"({"id":"c","verdict":"no_answer","equal":false,"reward":-1.0,"answer":"","gold_answer":"7",)"
                   R"("decided_by":"extraction","micros":0})"
                   "\n"
                   R"({"id":"d","verdict":"unparsable","equal":false,"reward":-1.0,"answer":"?","gold_answer":"7",)"
                   R"("decided_by":"answer","micros":0})"
                   "\n");
}

TEST_F(VerifyCommandTest, OptionsChangeHowALineIsRead) {
  const std::string input = dir_.Write(
      "in.jsonl", R"({"id": 1, "gold": "$\\frac{1}{3}$", "response": "$0.33$", "options": {"decimal_places": 2}}
{"id": 2, "gold": "$x+1$", "response": "$y+1$", "options": {"strict": false}}
{"id": 3, "gold": "$(2,3)$", "response": "$2<x<3$", "options": {"relations_as_sets": true}}
{"id": 4, "gold": "$7$", "response": "so 7", "options": {"targets": ["latex"]}}
{"id": 5, "gold": "$1/2$", "response": "$\\frac12$", "options": {"repair_malformed": false}}
{"id": 6, "gold": "B", "response": "The answer is B.", "options": {"targets": ["string"]}}
{"id": 7, "gold": "10%", "response": "\\boxed{1000}", "options": {"rules": "prime_math"}}
{"id": 8, "gold": "10%", "response": "\\boxed{1000}", "options": {"rules": "default"}}
)");
  ASSERT_TRUE(Run(input).ok());
  const std::string results = *ReadFile(output_);
  std::vector<std::string> verdicts;
  const std::regex verdict("\"verdict\":\"([a-z_]+)\"");
  for (std::sregex_iterator match(results.begin(), results.end(), verdict), end; match != end; ++match) {
    verdicts.push_back((*match)[1]);
  }
  EXPECT_EQ(verdicts, (std::vector<std::string>{"correct", "correct", "correct", "no_answer", "unparsable", "correct",
                                                "correct", "wrong"}));
}

TEST_F(VerifyCommandTest, RefusesAnUnknownRuleSet) {
  const absl::Status status =
      Run(dir_.Write("in.jsonl", R"({"id": 1, "gold": "7", "response": "7", "options": {"rules": "prime"}})"));
  EXPECT_NE(status.message().find("in.jsonl:1: options.rules must be \"default\""), absl::string_view::npos) << status;
}

TEST_F(VerifyCommandTest, SenselessOptionIsRefusedByName) {
  const absl::Status status =
      Run(dir_.Write("in.jsonl", R"({"id": 1, "gold": "7", "response": "7", "options": {"boxed_priority": 7}})"));
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_NE(status.message().find("in.jsonl:1: options.boxed_priority"), absl::string_view::npos) << status;
}

TEST_F(VerifyCommandTest, ExtractTellsWhatIsTakenAndWhy) {
  const std::string input = dir_.Write("in.jsonl", R"({"id": 1, "response": "2 or \\boxed{\\dfrac12}"})");
  CLI::App app;
  CommandBody body;
  AddExtractCommand(app, body);
  app.parse("extract --input " + input + " --output " + output_);
  ASSERT_TRUE(body().ok());
  EXPECT_EQ(*ReadFile(output_), R"({"id":1,"status":"ok","answer":"\\dfrac12","found_by":"boxed","read_as":"\\frac12"})"
                                "\n");
}

TEST_F(VerifyCommandTest, UnknownFieldIsRefusedWithItsLineAndNothingIsWritten) {
  const std::string input = dir_.Write("in.jsonl",
                                       "{\"id\": 1, \"gold\": \"7\", \"response\": \"7\"}\n"
                                       "{\"id\": 2, \"gold\": \"7\", \"response\": \"7\", \"golden\": 1}\n");
  const absl::Status status = Run(input);
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_NE(status.message().find("in.jsonl:2: unknown field \"golden\""), absl::string_view::npos) << status;
  EXPECT_FALSE(std::filesystem::exists(output_));
}

TEST_F(VerifyCommandTest, MissingFieldIsNamed) {
  const absl::Status status = Run(dir_.Write("in.jsonl", "{\"id\": 1, \"gold\": \"7\"}\n"));
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_NE(status.message().find("in.jsonl:1: field \"response\" is missing"), absl::string_view::npos) << status;
}

TEST_F(VerifyCommandTest, MissingFileIsNotFound) { EXPECT_TRUE(absl::IsNotFound(Run(dir_.File("absent.jsonl")))); }

}  // namespace
}  // namespace maspo
