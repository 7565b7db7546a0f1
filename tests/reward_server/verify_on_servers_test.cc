#include <gtest/gtest.h>
#include <signal.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <filesystem>
#include <memory>
#include <regex>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "cli/command.h"
#include "services/base/atomic_file.h"
#include "tests/reward_server/server_process.h"

// `maspo verify` with real reward servers.
namespace maspo {
namespace {

class VerifyOnServersTest : public testing::Test {
 protected:
  void StartServers(int count) {
    const std::string config = WriteServerConfig(dir_, "{threads: 1}");
    for (int i = 0; i < count; ++i) {
      servers_.push_back(std::make_unique<Replica>(dir_, i, config));
      absl::StrAppend(&addresses_, i == 0 ? "" : ",", servers_.back()->endpoint());
    }
  }

  std::string WriteInput(int lines) {
    std::string text;
    for (int i = 0; i < lines; ++i) {
      absl::StrAppend(&text, R"({"id": )", i, R"(, "gold": ")", i % 7, R"(", "response": "so \\boxed{)", i % 5,
                      "}\"}\n");
    }
    return dir_.Write("in.jsonl", text);
  }

  static absl::Status Run(const std::string& arguments) {
    CLI::App app;
    CommandBody body;
    AddVerifyCommand(app, body);
    app.parse("verify " + arguments);
    return body();
  }
  absl::Status RunOnServers(const std::string& input, const std::string& more = "") {
    return Run(absl::StrCat("--input ", input, " --output ", output_, " --reward-servers ", addresses_,
                            " --set network.call_timeout_seconds=1 ", more));
  }

  // The lines of a result, but for the times.
  static std::string Timeless(const std::string& path) {
    return std::regex_replace(*ReadFile(path), std::regex("\"micros\":[0-9]+"), "");
  }
  void ExpectSameAsHere(const std::string& input) {
    const std::string here = dir_.File("here.jsonl");
    ASSERT_TRUE(Run("--input " + input + " --output " + here).ok());
    EXPECT_TRUE(Timeless(output_) == Timeless(here));  // Not shown: thousands of lines.
  }

  TempDir dir_;
  const std::string output_ = dir_.File("out.jsonl");
  std::vector<std::unique_ptr<Replica>> servers_;
  std::string addresses_;
};

TEST_F(VerifyOnServersTest, WritesTheSameLinesAsVerifyingHere) {
  StartServers(2);
  const std::string input = WriteInput(3000);
  const absl::Status status = RunOnServers(input);
  ASSERT_TRUE(status.ok()) << status;
  ExpectSameAsHere(input);
}

TEST_F(VerifyOnServersTest, LosesAndRepeatsNothingWhileServersStopAndDie) {
  StartServers(3);
  const std::string input = WriteInput(60000);
  std::atomic<bool> over{false};
  std::thread trouble([&] {
    while (!over) {
      servers_[0]->Kill();
      absl::SleepFor(absl::Milliseconds(100));
      servers_[0]->StartAgain();
      servers_[1]->Signal(SIGSTOP);
      absl::SleepFor(absl::Milliseconds(300));
      servers_[1]->Signal(SIGCONT);
    }
  });
  const absl::Status status = RunOnServers(input);
  over = true;
  trouble.join();
  ASSERT_TRUE(status.ok()) << status;
  ExpectSameAsHere(input);
}

TEST_F(VerifyOnServersTest, OptionsOfALineAreRefusedBeforeAnythingIsSent) {
  addresses_ = "127.0.0.1:1";
  const std::string input =
      dir_.Write("in.jsonl", R"({"id": 1, "gold": "7", "response": "7", "options": {"strict": false}})");
  const absl::Status status = RunOnServers(input);
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_NE(status.message().find("in.jsonl:1: reward servers verify by their own options"), absl::string_view::npos)
      << status;
  EXPECT_FALSE(std::filesystem::exists(output_));
}

TEST_F(VerifyOnServersTest, PlaintextToAnotherMachineIsRefused) {
  addresses_ = "verifier.example:50052";
  const absl::Status status = RunOnServers(WriteInput(1));
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_NE(status.message().find("--reward-servers is verifier.example:50052"), absl::string_view::npos) << status;
}

TEST_F(VerifyOnServersTest, NoServerIsOneSentenceAndNoFile) {
  addresses_ = "127.0.0.1:1";
  const absl::Status status = RunOnServers(WriteInput(1), "--set network.call_timeout_seconds=0.2");
  EXPECT_NE(status.message().find("the reward server at 127.0.0.1:1 does not answer"), absl::string_view::npos)
      << status;
  EXPECT_FALSE(std::filesystem::exists(output_));
}

}  // namespace
}  // namespace maspo
