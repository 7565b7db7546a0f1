#include "learner/ranks/gang.h"

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <thread>

#include "services/base/exit_code.h"
#include "tests/support/temp_dir.h"

namespace maspo {
namespace {

// Ranks that are shell scripts. Whoever should outlive another sleeps for longer than any test takes.
int RunScripts(const std::vector<std::string>& scripts, const StopSignal& stop,
               absl::Duration frozen = absl::Minutes(5), int first_rank = 0) {
  Gang gang{.commands = {}, .first_rank = first_rank, .grace = absl::Milliseconds(300), .frozen = frozen};
  for (const std::string& script : scripts) gang.commands.push_back({"/bin/sh", "-c", script});
  return RunGang(gang, stop);
}

constexpr char kGoesOn[] = "exec sleep 600";

TEST(GangTest, EndsAsRankZeroDoes) {
  const StopSignal stop;
  EXPECT_EQ(RunScripts({"exit 0", "exit 0", "exit 0"}, stop), kExitDone);
  EXPECT_EQ(RunScripts({"exit 75", "exit 0"}, stop), kExitStopped);
  EXPECT_EQ(RunScripts({"exit 2", kGoesOn}, stop), kExitBadInput) << "the other one is killed";
  EXPECT_EQ(RunScripts({"sleep 0.3; exit 0", "exit 0"}, stop), kExitDone) << "one that has done its part is no loss";
}

TEST(GangTest, OneThatIsLostEndsAll) {
  const StopSignal stop;
  EXPECT_EQ(RunScripts({kGoesOn, "exit 1"}, stop), kExitFailed);
  EXPECT_EQ(RunScripts({kGoesOn, "exit 2", kGoesOn}, stop), kExitBadInput);
  EXPECT_EQ(RunScripts({kGoesOn, kGoesOn, "kill -9 $$"}, stop), 128 + 9);
  EXPECT_EQ(RunScripts({"kill -9 $$", kGoesOn}, stop), 128 + 9);
  EXPECT_EQ(RunScripts({kGoesOn, "kill -STOP $$"}, stop, /*frozen=*/absl::Milliseconds(100)), 128 + 19);
}

// Ranks miss one that is gone or stopped, and end; that is not what the gang ends of.
TEST(GangTest, TheCauseCountsAndNotWhatItLedTo) {
  const StopSignal stop;
  EXPECT_EQ(RunScripts({"exit 76", "exit 76", "sleep 0.3; kill -9 $$"}, stop), 128 + 9);
  EXPECT_EQ(RunScripts({"sleep 0.3; exit 76", "kill -STOP $$"}, stop), 128 + 19);
  EXPECT_EQ(RunScripts({"exit 76", kGoesOn, "sleep 0.3; exit 1"}, stop), kExitFailed);
  EXPECT_EQ(RunScripts({"exit 76", kGoesOn, "sleep 0.3; exit 2"}, stop), kExitBadInput);
}

TEST(GangTest, RanksThatLostEachOtherSaySo) {
  const StopSignal stop;
  EXPECT_EQ(RunScripts({"exit 76", kGoesOn}, stop), kExitLostRanks);
  EXPECT_EQ(RunScripts({kGoesOn, "exit 76"}, stop), kExitLostRanks);
  EXPECT_EQ(RunScripts({"exit 76", "exit 0"}, stop), kExitLostRanks);
}

TEST(GangTest, OneThatIsStoppedForAMomentIsWaitedFor) {
  const StopSignal stop;
  EXPECT_EQ(RunScripts({"sleep 1; exit 0", "(sleep 0.3; kill -CONT $$) & kill -STOP $$; exit 0"}, stop), kExitDone);
}

TEST(GangTest, AProgramThatIsNotThereIsAFailure) {
  const StopSignal stop;
  EXPECT_EQ(RunGang({.commands = {{"/no/such/program"}}, .grace = absl::ZeroDuration()}, stop), 127);
}

TEST(GangTest, AStopIsForRankZeroToPassOn) {
  const TempDir dir;
  const std::string ready = dir.File("ready");
  StopSignal stop;
  std::thread stopper([&] {
    while (!std::filesystem::exists(ready)) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    stop.RequestStop();
  });
  EXPECT_EQ(RunScripts({"trap 'exit 75' TERM; touch " + ready + "; while :; do sleep 0.05; done",
                        "trap '' TERM; while [ ! -e " + ready + " ]; do sleep 0.05; done; exit 0"},
                       stop),
            kExitStopped);
  stopper.join();
}

// The ranks of a machine without rank 0 end when it tells them to.
TEST(GangTest, AGangWithoutRankZeroWaitsForAllOfIt) {
  const StopSignal stop;
  EXPECT_EQ(RunScripts({"exit 0", "sleep 0.2; exit 0"}, stop, absl::Minutes(5), /*first_rank=*/8), kExitDone);
  EXPECT_EQ(RunScripts({"exit 1", kGoesOn}, stop, absl::Minutes(5), /*first_rank=*/8), kExitFailed);
}

}  // namespace
}  // namespace maspo
