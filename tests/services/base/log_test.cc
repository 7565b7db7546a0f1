#include "services/base/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

#include <nlohmann/json.hpp>
#include <sstream>
#include <vector>

#include "services/base/atomic_file.h"
#include "tests/support/temp_dir.h"

namespace maspo {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;

TEST(LogTest, LinesCarryTimeLevelRoleAndNameInFileAndStderr) {
  TempDir dir;
  ::testing::internal::CaptureStderr();
  ASSERT_TRUE(InitLogging({.role = "learner", .name = "0", .file = dir.File("learner.log")}).ok());
  spdlog::warn("step {}", 3);
  spdlog::debug("details");
  const std::string line = ReadFile(dir.File("learner.log")).value();
  EXPECT_THAT(line, MatchesRegex("....-..-.. ..:..:..\\.... warning learner/0: step 3\n"));
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), HasSubstr("warning learner/0: step 3"));
}

TEST(LogTest, JsonLinesHoldAnyMessage) {
  TempDir dir;
  ASSERT_TRUE(InitLogging({.role = "learner", .name = "0", .file = dir.File("a.log"), .json = true}).ok());
  spdlog::error("a \"quote\",\na line and a byte \xff that is not UTF-8");
  const auto line = nlohmann::json::parse(ReadFile(dir.File("a.log")).value());
  EXPECT_EQ(line.at("level"), "error");
  EXPECT_EQ(line.at("role"), "learner");
  EXPECT_EQ(line.at("name"), "0");
  EXPECT_EQ(line.at("message"), "a \"quote\",\na line and a byte \xef\xbf\xbd that is not UTF-8");
  EXPECT_THAT(line.at("time").get<std::string>(), MatchesRegex("....-..-..T..:..:..\\....Z"));
}

TEST(LogTest, JsonLinesNameTheGroupThatTheyAreAbout) {
  TempDir dir;
  ASSERT_TRUE(InitLogging({.role = "learner", .file = dir.File("a.log"), .json = true}).ok());
  {
    const LogGroup outer("g1");
    {
      const LogGroup inner("g2");
      spdlog::info("a");
    }
    spdlog::info("b");
  }
  spdlog::info("c");
  std::vector<nlohmann::json> lines;
  std::istringstream text(ReadFile(dir.File("a.log")).value());
  for (std::string line; std::getline(text, line);) lines.push_back(nlohmann::json::parse(line));
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_EQ(lines[0].at("group"), "g2");
  EXPECT_EQ(lines[1].at("group"), "g1");
  EXPECT_FALSE(lines[2].contains("group"));
}

TEST(LogTest, LevelAndPlainRoleAreHonoured) {
  TempDir dir;
  ASSERT_TRUE(InitLogging({.role = "50% role", .file = dir.File("a.log"), .level = "error"}).ok());
  spdlog::warn("hidden");
  spdlog::error("shown");
  spdlog::default_logger()->flush();
  EXPECT_THAT(ReadFile(dir.File("a.log")).value(), HasSubstr("error 50% role: shown"));
  EXPECT_THAT(ReadFile(dir.File("a.log")).value(), Not(HasSubstr("hidden")));
}

TEST(LogTest, BadOptionsAreOneSentence) {
  EXPECT_THAT(std::string(InitLogging({.role = "x", .level = "loud"}).message()), HasSubstr("\"loud\" (known: trace"));
  TempDir dir;
  dir.Write("occupied", "");
  const absl::Status status = InitLogging({.role = "x", .file = dir.File("occupied/a.log")});
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr("occupied/a.log"));
}

}  // namespace
}  // namespace maspo
