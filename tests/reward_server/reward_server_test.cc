#include <gtest/gtest.h>
#include <signal.h>

#include <string>
#include <vector>

#include "services/base/atomic_file.h"
#include "services/base/steady_clock.h"
#include "services/reward/reward_client.h"
#include "tests/reward_server/server_process.h"
#include "tests/support/temp_dir.h"

// The program itself, as a cluster starts it, called over loopback.
namespace maspo {
namespace {

class RewardServerTest : public testing::Test {
 protected:
  std::string WriteConfig(const std::string& reward_section) { return WriteServerConfig(dir_, reward_section); }

  static std::vector<v1::VerifyItem> Items() {
    std::vector<v1::VerifyItem> items(4);
    const char* responses[] = {"so \\boxed{\\frac{1}{2}}", "so \\boxed{2}", "no idea", "so \\boxed{0.5}"};
    for (int i = 0; i < 4; ++i) {
      items[i].set_id(std::to_string(i));
      items[i].set_gold_answer("1/2");
      items[i].set_response(responses[i]);
    }
    items[3].set_finish_reason(v1::FINISH_REASON_LENGTH);
    return items;
  }

  TempDir dir_;
  const std::string log_ = dir_.File("log");
};

TEST_F(RewardServerTest, VerifiesOverLoopbackAsConfiguredAndEndsOnSigterm) {
  ServerProcess server({"--config", WriteConfig("{correct: 2, incorrect: -3, threads: 2}")}, log_);
  const auto ready = server.AwaitReady();
  ASSERT_TRUE(ready.ok()) << ready.status() << *ReadFile(log_);
  const auto client = RewardClient::Create({.endpoints = {ready->endpoint}, .network = {}});
  ASSERT_TRUE(client.ok());

  const auto answers = (*client)->Score(Items(), SteadyNow() + absl::Seconds(30));
  ASSERT_TRUE(answers.ok()) << answers.status();
  ASSERT_EQ(answers->size(), 4u);
  const v1::Verdict verdicts[] = {v1::VERDICT_CORRECT, v1::VERDICT_WRONG, v1::VERDICT_NO_ANSWER, v1::VERDICT_NO_ANSWER};
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ((*answers)[i].id(), std::to_string(i));
    EXPECT_EQ((*answers)[i].verdict(), verdicts[i]) << i;
    EXPECT_EQ((*answers)[i].reward(), i == 0 ? 2 : -3) << i;
  }
  EXPECT_EQ(server.Stop(SIGTERM), 0);
}

TEST_F(RewardServerTest, RefusesABatchBeyondTheLimit) {
  ServerProcess server({"--config", WriteConfig("{max_batch_items: 3}")}, log_);
  const auto ready = server.AwaitReady();
  ASSERT_TRUE(ready.ok()) << ready.status();
  const auto client = RewardClient::Create({.endpoints = {ready->endpoint}, .network = {}, .max_batch_items = 4});
  EXPECT_TRUE(absl::IsInvalidArgument((*client)->Score(Items(), SteadyNow() + absl::Seconds(30)).status()));
}

TEST_F(RewardServerTest, PortInUseEndsItWithOneSentence) {
  const std::string config = WriteConfig("{}");
  ServerProcess first({"--config", config}, log_);
  const auto ready = first.AwaitReady();
  ASSERT_TRUE(ready.ok()) << ready.status();
  const std::string second_log = dir_.File("second_log");
  ServerProcess second({"--config", config, "--listen", ready->endpoint}, second_log);
  EXPECT_EQ(second.Stop(0), 1);
  EXPECT_NE(ReadFile(second_log)->find(ready->endpoint), std::string::npos) << *ReadFile(second_log);
}

TEST_F(RewardServerTest, SenselessRewardsEndItWithExitCode2) {
  ServerProcess server({"--config", WriteConfig("{correct: -1, incorrect: 1}")}, log_);
  EXPECT_EQ(server.Stop(0), 2);
  EXPECT_NE(ReadFile(log_)->find("reward.correct is -1"), std::string::npos) << *ReadFile(log_);
}

}  // namespace
}  // namespace maspo
