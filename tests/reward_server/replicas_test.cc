#include <gtest/gtest.h>
#include <signal.h>

#include <array>
#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "services/base/steady_clock.h"
#include "services/reward/reward_client.h"
#include "tests/reward_server/server_process.h"

// Several real servers behind one client, as rollout workers have them, while servers stop, die and are full: every
// item gets the verdict that it deserves, and the servers that are well do the work.
namespace maspo {
namespace {

constexpr int kCallers = 6;
constexpr int kBatchItems = 4;

class ReplicasTest : public testing::Test {
 protected:
  void StartServers(int count, const std::string& reward_section) {
    const std::string config = WriteServerConfig(dir_, reward_section);
    for (int i = 0; i < count; ++i) servers_.push_back(std::make_unique<Replica>(dir_, i, config));
    v1::NetworkSection network;
    network.set_call_timeout_seconds(1);
    RewardClient::Options options{.endpoints = {}, .network = network, .max_batch_items = kBatchItems};
    for (const auto& server : servers_) options.endpoints.push_back(server->endpoint());
    auto client = RewardClient::Create(options);
    ASSERT_TRUE(client.ok());
    client_ = *std::move(client);
  }

  // Callers that have batches scored, one after the other, until Finish().
  void StartCallers() {
    for (int c = 0; c < kCallers; ++c) {
      callers_.emplace_back([this] {
        for (int round = 0; !over_; ++round) ScoreABatch(round);
      });
    }
  }
  void Finish() {
    over_ = true;
    for (std::thread& caller : callers_) caller.join();
    EXPECT_EQ(lost_, 0);
    EXPECT_EQ(misjudged_, 0);
  }

  // How many batches came back within that time.
  int BatchesWithin(absl::Duration duration) {
    const int before = scored_;
    absl::SleepFor(duration);
    return scored_ - before;
  }

  TempDir dir_;
  std::vector<std::unique_ptr<Replica>> servers_;

 private:
  void ScoreABatch(int round) {
    std::vector<v1::VerifyItem> items(kBatchItems);
    for (int i = 0; i < kBatchItems; ++i) {
      items[i].set_id(std::to_string(i));
      items[i].set_gold_answer(std::to_string(round));
      items[i].set_response("so \\boxed{" + std::to_string(round + i % 2) + "}");
    }
    const auto answers = client_->Score(items, SteadyNow() + absl::Seconds(30));
    ++scored_;
    if (!answers.ok() || answers->size() != items.size()) {
      ++lost_;
      return;
    }
    for (int i = 0; i < kBatchItems; ++i) {
      misjudged_ += (*answers)[i].verdict() != (i % 2 == 0 ? v1::VERDICT_CORRECT : v1::VERDICT_WRONG);
    }
  }

  std::unique_ptr<RewardClient> client_;
  std::vector<std::thread> callers_;
  std::atomic<bool> over_{false};
  std::atomic<int> scored_{0}, lost_{0}, misjudged_{0};
};

TEST_F(ReplicasTest, AServerThatWasStoppedHoldsUpNoMoreThanTheCallsItHas) {
  StartServers(3, "{threads: 1}");
  StartCallers();
  EXPECT_GT(BatchesWithin(absl::Seconds(1)), 20);
  servers_[0]->Signal(SIGSTOP);
  absl::SleepFor(absl::Seconds(2));                // Calls that it has are given up after one second,
  EXPECT_GT(BatchesWithin(absl::Seconds(2)), 20);  // and the others do not wait for it.
  servers_[0]->Signal(SIGCONT);
  EXPECT_GT(BatchesWithin(absl::Seconds(1)), 20);
  Finish();
}

TEST_F(ReplicasTest, AServerThatWasKilledAndStartedAgainLosesNothing) {
  StartServers(2, "{threads: 1}");
  StartCallers();
  for (int life = 0; life < 2; ++life) {
    servers_[1]->Kill();
    EXPECT_GT(BatchesWithin(absl::Seconds(1)), 20);
    servers_[1]->StartAgain();
    EXPECT_GT(BatchesWithin(absl::Seconds(1)), 20);
  }
  servers_[0]->Kill();  // The other one, back for long enough, goes on alone.
  absl::SleepFor(absl::Seconds(2));
  EXPECT_GT(BatchesWithin(absl::Seconds(1)), 20);
  Finish();
}

TEST_F(ReplicasTest, FullServersSlowTheirCallersDownAndLoseNothing) {
  StartServers(2, "{threads: 1, max_batch_items: 4, max_waiting_items: 4}");  // Six callers: RESOURCE_EXHAUSTED.
  StartCallers();
  EXPECT_GT(BatchesWithin(absl::Seconds(3)), 3);
  Finish();
}

}  // namespace
}  // namespace maspo
