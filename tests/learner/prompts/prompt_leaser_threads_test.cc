#include <gmock/gmock.h>

#include <atomic>
#include <set>
#include <thread>

#include "tests/learner/prompts/leaser_fixture.h"

namespace maspo {
namespace {

const absl::Duration kForever = absl::Seconds(60);

class PromptLeaserThreadsTest : public LeaserFixture {
 protected:
  // Blocks in Acquire on a thread of its own.
  std::thread Ask(const std::string& worker, absl::StatusOr<std::vector<v1::Lease>>& answer) {
    return std::thread([this, worker, &answer] { answer = leaser_->Acquire(worker, 10, absl::Now() + kForever); });
  }
};

TEST_F(PromptLeaserThreadsTest, CloseWakesEveryWaiter) {
  Start();
  TakeAll("w1");
  absl::StatusOr<std::vector<v1::Lease>> first, second;
  std::thread one = Ask("w1", first), two = Ask("w2", second);
  absl::SleepFor(absl::Milliseconds(20));
  leaser_->Close();
  one.join();
  two.join();
  EXPECT_TRUE(absl::IsCancelled(first.status()));
  EXPECT_TRUE(absl::IsCancelled(second.status()));
  EXPECT_TRUE(absl::IsCancelled(leaser_->Acquire("w1", 1, absl::InfinitePast()).status()));
}

TEST_F(PromptLeaserThreadsTest, ANewVersionWakesWaitersAndEachGetsItsShare) {
  Start();
  TakeAll("w1");
  for (const char* id : {"g00000000", "g00000001", "g00000002", "g00000003"}) {
    ASSERT_TRUE(leaser_->Accept(Result("w1", id)).ok());
  }
  absl::StatusOr<std::vector<v1::Lease>> first, second;
  std::thread one = Ask("w1", first), two = Ask("w2", second);
  absl::SleepFor(absl::Milliseconds(20));
  leaser_->OnVersion(1);
  one.join();
  two.join();
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_EQ(first->size(), 2);
  EXPECT_EQ(second->size(), 2);
}

TEST_F(PromptLeaserThreadsTest, EndOfAWorkerWakesItsWaiter) {
  Start();
  TakeAll("w1");
  absl::StatusOr<std::vector<v1::Lease>> answer;
  std::thread asker = Ask("w2", answer);
  absl::SleepFor(absl::Milliseconds(20));
  leaser_->EndWorker("w2");
  asker.join();
  EXPECT_TRUE(absl::IsNotFound(answer.status()));
}

TEST_F(PromptLeaserThreadsTest, ALongPollEndsEmptyAtItsDeadline) {
  Start();
  TakeAll("w1");
  const auto leases = leaser_->Acquire("w2", 1, absl::Now() + absl::Milliseconds(30));
  ASSERT_TRUE(leases.ok());
  EXPECT_TRUE(leases->empty());
}

// Workers that take, lose, return and finish groups in any order: every group of the run is accepted exactly once.
TEST_F(PromptLeaserThreadsTest, EveryGroupIsAcceptedOnceWhateverHappensToLeases) {
  constexpr uint64_t kSteps = 30;
  options_.gate = {.max_staleness = 1, .groups_per_step = 8, .total_steps = kSteps};
  options_.max_attempts = 1000;
  options_.now = absl::Now;
  Start();
  std::atomic<uint64_t> accepted = 0;
  std::atomic<bool> over = false;
  const auto work = [&](const std::string& worker, uint32_t salt) {
    for (uint32_t turn = salt; !over; ++turn) {
      const auto leases = leaser_->Acquire(worker, 3, absl::Now() + absl::Milliseconds(5));
      if (!leases.ok()) return;
      for (const v1::Lease& lease : *leases) {
        const std::string& id = lease.group().group_id();
        if (++turn % 7 == 0) {
          leaser_->Release(worker, id, "released", "").IgnoreError();
        } else if (turn % 11 != 0) {  // Else it is forgotten, and expires.
          accepted += leaser_->Accept(Result(worker, id)).ok();
        }
      }
    }
  };
  std::thread one(work, "w1", 0), two(work, "w2", 3);
  for (uint64_t version = 0; version < kSteps; ++version) {
    leaser_->OnVersion(version);
    while (accepted < (version + 1) * 8) {
      leaser_->ExpireLeases(absl::Now() + absl::Hours(1));
      std::this_thread::yield();
    }
  }
  over = true;
  leaser_->Close();
  one.join();
  two.join();
  EXPECT_EQ(accepted, kSteps * 8);
  const LedgerCounts counts = ledger_->counts();
  EXPECT_EQ(counts.issued, kSteps * 8);
  EXPECT_EQ(counts.admitted, kSteps * 8);
  EXPECT_GT(counts.reissued, 0);
  EXPECT_TRUE(ledger_->Balance().ok());
}

}  // namespace
}  // namespace maspo
