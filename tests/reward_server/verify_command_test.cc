#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <string>

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
  EXPECT_EQ(*ReadFile(output_),
            "{\"id\":\"a\",\"verdict\":\"correct\",\"equal\":true,\"reward\":1.0,\"answer\":\"7\"}\n"
            "{\"id\":2,\"verdict\":\"wrong\",\"equal\":false,\"reward\":-1.0,\"answer\":\"8\"}\n"
            "{\"id\":\"c\",\"verdict\":\"no_answer\",\"equal\":false,\"reward\":-1.0,\"answer\":\"\"}\n"
            "{\"id\":\"d\",\"verdict\":\"unparsable\",\"equal\":false,\"reward\":-1.0,\"answer\":\"?\"}\n");
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
