#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <thread>

#include "services/base/steady_clock.h"
#include "services/process/ready.h"
#include "services/process/signals.h"

namespace maspo {
namespace {

using ::testing::HasSubstr;

// Runs in a process of its own: exit code 7 if the first signal did what it should, then the second one.
[[noreturn]] void SignalTwice(int first, int second) {
  static StopSignal stop;
  InstallStopSignals(stop);
  raise(first);
  if (!stop.WaitFor(absl::Seconds(10))) std::_Exit(1);
  raise(second);
  std::_Exit(2);
}

TEST(SignalsTest, FirstRequestsAStopAndSecondExitsAtOnce) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(SignalTwice(SIGTERM, SIGTERM), ::testing::ExitedWithCode(128 + SIGTERM), "");
  EXPECT_EXIT(SignalTwice(SIGTERM, SIGINT), ::testing::ExitedWithCode(128 + SIGINT), "");
}

TEST(SignalsTest, AHangUpStopsAndMayComeTwice) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto hang_up = [] {
    static StopSignal stop;
    InstallStopSignals(stop);
    for (int i = 0; i < 2; ++i) raise(SIGHUP);
    std::_Exit(stop.stop_requested() ? 7 : 2);
  };
  EXPECT_EXIT(hang_up(), ::testing::ExitedWithCode(7), "");
  const auto under_nohup = [] {
    signal(SIGHUP, SIG_IGN);
    static StopSignal stop;
    InstallStopSignals(stop);
    raise(SIGHUP);
    std::_Exit(stop.stop_requested() ? 2 : 7);
  };
  EXPECT_EXIT(under_nohup(), ::testing::ExitedWithCode(7), "");
  EXPECT_EXIT(SignalTwice(SIGHUP, SIGKILL), ::testing::KilledBySignal(SIGKILL), "");
}

TEST(SignalsTest, WritingBeyondTheLimitOfAFileDoesNotKill) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto write_too_much = [] {
    static StopSignal stop;
    InstallStopSignals(stop);
    const rlimit limit{.rlim_cur = 0, .rlim_max = RLIM_INFINITY};
    FILE* const file = std::tmpfile();
    if (file == nullptr || setrlimit(RLIMIT_FSIZE, &limit) != 0) std::_Exit(1);
    std::_Exit(write(fileno(file), "x", 1) == -1 ? 7 : 2);
  };
  EXPECT_EXIT(write_too_much(), ::testing::ExitedWithCode(7), "");
}

TEST(SignalsTest, WritingToABrokenPipeDoesNotKill) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto write_to_nobody = [] {
    static StopSignal stop;
    InstallStopSignals(stop);
    int ends[2];
    if (pipe(ends) != 0) std::_Exit(1);
    close(ends[0]);
    std::_Exit(write(ends[1], "x", 1) == -1 ? 7 : 2);
  };
  EXPECT_EXIT(write_to_nobody(), ::testing::ExitedWithCode(7), "");
}

class ReadyTest : public ::testing::Test {
 protected:
  ReadyTest() { EXPECT_EQ(pipe(ends_), 0); }
  ~ReadyTest() override { close(ends_[0]); }
  absl::StatusOr<ReadyReport> Read(absl::Duration timeout) { return ReadReady(ends_[0], SteadyNow() + timeout, stop_); }
  void Write(const std::string& text) {
    ASSERT_EQ(write(ends_[1], text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }

  int ends_[2];  // Read end, write end.
  StopSignal stop_;
};

TEST_F(ReadyTest, ReportArrivesWithBothEndpoints) {
  ASSERT_TRUE(NotifyReady(ends_[1], {.endpoint = "127.0.0.1:1", .metrics = "[::1]:2"}).ok());
  const auto report = Read(absl::Seconds(10));
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->endpoint, "127.0.0.1:1");
  EXPECT_EQ(report->metrics, "[::1]:2");
}

TEST_F(ReadyTest, ReportMayArriveInPieces) {
  std::thread child([this] {
    Write("{\"endpoint\": \"a:1\", ");
    absl::SleepFor(absl::Milliseconds(20));
    Write("\"metrics\": \"\"}\n");
    close(ends_[1]);
  });
  EXPECT_EQ(Read(absl::Seconds(10))->endpoint, "a:1");
  child.join();
}

TEST_F(ReadyTest, ChildThatDiesIsNoticedAtOnce) {
  close(ends_[1]);
  const absl::Status status = Read(absl::Minutes(5)).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(status.message(), "the process ended before it was ready");
}

TEST_F(ReadyTest, DeadlineAndStopEndTheWait) {
  EXPECT_EQ(Read(absl::Milliseconds(20)).status().code(), absl::StatusCode::kDeadlineExceeded);
  stop_.RequestStop();
  EXPECT_EQ(Read(absl::Minutes(5)).status().code(), absl::StatusCode::kCancelled);
  close(ends_[1]);
}

TEST_F(ReadyTest, SomethingElseIsRefused) {
  Write("hello\n");
  close(ends_[1]);
  EXPECT_THAT(std::string(Read(absl::Seconds(10)).status().message()), HasSubstr("not \"hello\""));
}

TEST_F(ReadyTest, NobodyListeningIsAnError) {
  signal(SIGPIPE, SIG_IGN);
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  close(ends[0]);
  EXPECT_EQ(NotifyReady(ends[1], {}).code(), absl::StatusCode::kUnavailable);
  close(ends_[1]);
}

}  // namespace
}  // namespace maspo
