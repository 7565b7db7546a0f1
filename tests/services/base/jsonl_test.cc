#include "services/base/jsonl.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/temp_dir.h"

namespace maspo {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string Message(const absl::Status& status) { return std::string(status.message()); }

class JsonlTest : public ::testing::Test {
 protected:
  JsonlReader Open(const std::string& content) {
    return std::move(JsonlReader::Open(dir_.Write("data.jsonl", content))).value();
  }
  TempDir dir_;
  nlohmann::json object_;
};

TEST_F(JsonlTest, BlankLinesAreSkippedAndCounted) {
  JsonlReader reader = Open("{\"id\": 1}\n\n  \r\n{\"id\": 2}");
  ASSERT_TRUE(reader.Next(object_).value());
  EXPECT_EQ(reader.where(), dir_.File("data.jsonl") + ":1");
  ASSERT_TRUE(reader.Next(object_).value());
  EXPECT_EQ(object_["id"], 2);
  EXPECT_EQ(reader.where(), dir_.File("data.jsonl") + ":4");
  EXPECT_FALSE(reader.Next(object_).value());
}

TEST_F(JsonlTest, BadLineIsNamedByFileAndNumber) {
  JsonlReader reader = Open("{\"id\": 1}\n{\"id\": }\n");
  ASSERT_TRUE(reader.Next(object_).ok());
  const absl::Status status = reader.Next(object_).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(Message(status), StartsWith(dir_.File("data.jsonl") + ":2: not valid JSON: parse error"));
}

TEST_F(JsonlTest, InvalidUtf8AndTornLastLineAreRefused) {
  EXPECT_FALSE(Open("{\"id\": \"\xff\"}\n").Next(object_).ok());
  EXPECT_FALSE(Open("{\"id\": \"a").Next(object_).ok());
}

TEST_F(JsonlTest, LineThatIsNoObjectIsRefused) {
  const absl::Status status = Open("[1, 2]\n").Next(object_).status();
  EXPECT_THAT(Message(status), HasSubstr(":1: a line must be an object, not an array"));
}

TEST_F(JsonlTest, MissingFileAndFolderAreTwoErrors) {
  const absl::Status missing = JsonlReader::Open(dir_.File("absent.jsonl")).status();
  EXPECT_EQ(missing.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(Message(missing), HasSubstr("absent.jsonl"));
  EXPECT_THAT(Message(JsonlReader::Open(dir_.path()).status()), HasSubstr("is a folder"));
}

TEST(JsonlFieldsTest, UnknownFieldIsNamedTogetherWithTheKnownOnes) {
  const auto object = nlohmann::json::parse(R"({"id": "a", "promt": "x"})");
  const absl::Status status = RefuseUnknownFields(object, {"id", "prompt"}, "f:3");
  EXPECT_EQ(Message(status), "f:3: unknown field \"promt\" (known: id, prompt)");
  EXPECT_TRUE(RefuseUnknownFields(object, {"id", "promt"}, "f:3").ok());
}

TEST(JsonlFieldsTest, WrongKindSaysWhatWasFound) {
  const auto object = nlohmann::json::parse(R"({"id": 1.5, "text": 3, "list": []})");
  EXPECT_EQ(Message(StringField(object, "text", "f:1").status()), "f:1: field \"text\" must be a string, not a number");
  EXPECT_EQ(Message(StringField(object, "list", "f:1").status()), "f:1: field \"list\" must be a string, not an array");
  EXPECT_EQ(Message(StringField(object, "gold", "f:1").status()), "f:1: field \"gold\" is missing");
  EXPECT_EQ(Message(IdField(object, "id", "f:1").status()),
            "f:1: field \"id\" must be a string or an integer, not a number");
}

TEST(JsonlFieldsTest, IdsComeAsTextOrInteger) {
  const auto object = nlohmann::json::parse(R"({"a": "007", "b": -7, "c": 18446744073709551615})");
  EXPECT_EQ(IdField(object, "a", "f").value(), "007");
  EXPECT_EQ(IdField(object, "b", "f").value(), "-7");
  EXPECT_EQ(IdField(object, "c", "f").value(), "18446744073709551615");
}

TEST(JsonlFieldsTest, TokenIdsAreIntegersFromZero) {
  const auto object = nlohmann::json::parse(
      R"({"good": [0, 5, 151643], "negative": [1, -1], "real": [1.0], "huge": [9223372036854775808], "text": "1"})");
  EXPECT_THAT(TokenIdsField(object, "good", "f").value(), ElementsAre(0, 5, 151643));
  EXPECT_THAT(Message(TokenIdsField(object, "negative", "f").status()), HasSubstr("item 1 is -1"));
  EXPECT_THAT(Message(TokenIdsField(object, "real", "f").status()), HasSubstr("item 0 is 1.0"));
  EXPECT_FALSE(TokenIdsField(object, "huge", "f").ok());
  EXPECT_THAT(Message(TokenIdsField(object, "text", "f").status()), HasSubstr("must be an array of token ids"));
}

}  // namespace
}  // namespace maspo
