#include <gmock/gmock.h>

#include <atomic>
#include <set>
#include <thread>

#include "services/base/steady_clock.h"
#include "tests/learner/prompts/lease_fixture.h"

namespace maspo {
namespace {

const absl::Duration kForever = absl::Seconds(60);

class LeaseQueueThreadsTest : public LeaseFixture {
 protected:
  // Blocks in Acquire on a thread of its own.
  std::thread Ask(const std::string& worker, absl::StatusOr<std::vector<v1::Lease>>& answer) {
    return std::thread([this, worker, &answer] { answer = queue_->Acquire(worker, 10, SteadyNow() + kForever); });
  }
  void AwaitAskers(uint64_t count) {
    while (queue_->stats().askers < count) std::this_thread::yield();
  }
};

TEST_F(LeaseQueueThreadsTest, CloseWakesEveryWaiter) {
  Start();
  TakeAll("w1");
  absl::StatusOr<std::vector<v1::Lease>> first, second;
  std::thread one = Ask("w1", first), two = Ask("w2", second);
  AwaitAskers(2);
  queue_->Close();
  one.join();
  two.join();
  EXPECT_TRUE(absl::IsUnavailable(first.status()));
  EXPECT_TRUE(absl::IsUnavailable(second.status()));
  EXPECT_TRUE(absl::IsUnavailable(queue_->Acquire("w1", 1, absl::InfinitePast()).status()));
}

TEST_F(LeaseQueueThreadsTest, ANewVersionWakesWaitersAndEachGetsItsShare) {
  Start();
  TakeAll("w1");
  for (const char* id : {"g00000000", "g00000001", "g00000002", "g00000003"}) {
    ASSERT_TRUE(queue_->Accept(Result("w1", id)).ok());
  }
  absl::StatusOr<std::vector<v1::Lease>> first, second;
  std::thread one = Ask("w1", first), two = Ask("w2", second);
  AwaitAskers(2);
  book_->OnVersion(1);
  one.join();
  two.join();
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_EQ(first->size(), 2);
  EXPECT_EQ(second->size(), 2);
}

TEST_F(LeaseQueueThreadsTest, EndOfAWorkerWakesItsWaiter) {
  Start();
  TakeAll("w1");
  absl::StatusOr<std::vector<v1::Lease>> answer;
  std::thread asker = Ask("w2", answer);
  AwaitAskers(1);
  queue_->EndWorker("w2");
  asker.join();
  EXPECT_TRUE(absl::IsNotFound(answer.status()));
}

TEST_F(LeaseQueueThreadsTest, ALongPollEndsEmptyAtItsDeadline) {
  Start();
  TakeAll("w1");
  const auto leases = queue_->Acquire("w2", 1, SteadyNow() + absl::Milliseconds(30));
  ASSERT_TRUE(leases.ok());
  EXPECT_TRUE(leases->empty());
}

// Callers that leave at any moment, and versions that come at any moment: every group is leased to somebody who is
// there.
TEST_F(LeaseQueueThreadsTest, NothingGoesToCallersThatLeave) {
  constexpr uint64_t kVersions = 200;
  book_options_.gate = {.max_staleness = 0, .groups_per_step = 4, .total_steps = kVersions};
  Start();
  std::atomic<bool> over = false;
  std::thread leaver([&] {
    while (!over) {
      std::atomic<int> answers = 0;
      const Ticket ticket = queue_->Park("w1", 1, [&](absl::StatusOr<std::vector<v1::Lease>> leases) {
        if (leases.ok()) queue_->TakeBackUndelivered("w1", *leases);
        ++answers;
      });
      const bool is_out = queue_->Withdraw(ticket);
      while (!is_out && answers == 0) std::this_thread::yield();
      EXPECT_EQ(answers, is_out ? 0 : 1);
    }
  });
  uint64_t accepted = 0;
  for (uint64_t version = 0; version < kVersions; ++version) {
    book_->OnVersion(version);
    while (accepted < (version + 1) * 4) {
      const auto leases = queue_->Acquire("w2", 4, SteadyNow() + kForever);
      ASSERT_TRUE(leases.ok()) << leases.status();
      for (const v1::Lease& lease : *leases) {
        EXPECT_EQ(lease.attempt(), 1);
        accepted += queue_->Accept(Result("w2", lease.group().group_id())).ok();
      }
    }
  }
  over = true;
  leaver.join();
  EXPECT_EQ(ledger_->counts().admitted, kVersions * 4);
  EXPECT_EQ(ledger_->counts().dropped(), 0);
}

// Workers that take, lose, return and finish groups in any order: every group of the run is accepted exactly once.
TEST_F(LeaseQueueThreadsTest, EveryGroupIsAcceptedOnceWhateverHappensToLeases) {
  constexpr uint64_t kSteps = 30;
  book_options_.gate = {.max_staleness = 1, .groups_per_step = 8, .total_steps = kSteps};
  options_.max_attempts = 1000;
  options_.now = SteadyNow;
  Start();
  std::atomic<uint64_t> accepted = 0;
  std::atomic<bool> over = false;
  const auto work = [&](const std::string& worker, uint32_t salt) {
    for (uint32_t turn = salt; !over; ++turn) {
      const auto leases = queue_->Acquire(worker, 3, SteadyNow() + absl::Milliseconds(5));
      if (!leases.ok()) return;
      for (const v1::Lease& lease : *leases) {
        const std::string& id = lease.group().group_id();
        if (++turn % 7 == 0) {
          queue_->Release(ReleaseOf(worker, id, "released")).IgnoreError();
        } else if (turn % 11 != 0) {  // Else it is forgotten, and expires.
          accepted += queue_->Accept(Result(worker, id)).ok();
        }
      }
    }
  };
  std::thread one(work, "w1", 0), two(work, "w2", 3);
  for (uint64_t version = 0; version < kSteps; ++version) {
    book_->OnVersion(version);
    while (accepted < (version + 1) * 8) {
      queue_->ExpireLeases(SteadyNow() + absl::Hours(1));
      std::this_thread::yield();
    }
  }
  over = true;
  queue_->Close();
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
