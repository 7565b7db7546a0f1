#include "learner/publish/broadcast_epochs.h"

#include <gmock/gmock.h>

#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"

namespace maspo {
namespace {

using testing::ElementsAre;

class BroadcastEpochsTest : public testing::Test {
 protected:
  struct Join {
    Ticket ticket = 0;
    int answers = 0;
    absl::StatusOr<BroadcastEpochs::MaybePlan> plan;
  };

  explicit BroadcastEpochsTest(absl::Duration gather = absl::ZeroDuration())
      : epochs_({.store_host = "learner", .store_port = 7, .timeout = absl::Seconds(9), .gather = gather}) {
    for (const char* worker : {"a", "b", "c"}) epochs_.AddWorker(worker);
  }

  Join& Park(const std::string& worker, int64_t version) {
    Join& join = *joins_.emplace_back(std::make_unique<Join>());
    join.ticket = epochs_.Park(worker, version, [&join](absl::StatusOr<BroadcastEpochs::MaybePlan> plan) {
      ++join.answers;
      join.plan = std::move(plan);
    });
    return join;
  }
  void Publish(int64_t version) {
    v1::WeightManifest manifest;
    manifest.set_policy_version(version);
    v1::WeightBucket& bucket = *manifest.add_buckets();
    bucket.set_num_bytes(100);
    bucket.set_digest(DigestOfVersion(version));
    epochs_.Publish(std::move(manifest), nullptr, SteadyNow());
  }
  static uint64_t DigestOfVersion(int64_t version) { return 100 + static_cast<uint64_t>(version); }
  absl::Status Acknowledge(const std::string& worker, int64_t version, uint64_t digest) {
    v1::AcknowledgeRequest acknowledgement;
    acknowledgement.set_worker_id(worker);
    acknowledgement.set_policy_version(version);
    acknowledgement.add_bucket_digests(digest);
    return epochs_.Acknowledge(acknowledgement);
  }
  // An epoch of all that wait, which went well.
  BroadcastEpochs::Epoch Hold() {
    const auto epoch = epochs_.Next();
    EXPECT_TRUE(epoch.has_value());
    epochs_.End(*epoch, absl::OkStatus());
    return *epoch;
  }

  BroadcastEpochs epochs_;
  std::vector<std::unique_ptr<Join>> joins_;
};

TEST_F(BroadcastEpochsTest, EveryMemberGetsItsRankAndTheManifest) {
  const Join &b = Park("b", -1), &a = Park("a", -1);
  Publish(3);
  const BroadcastEpochs::Epoch epoch = Hold();
  EXPECT_THAT(epoch.members, ElementsAre("a", "b"));
  ASSERT_TRUE(a.plan.ok() && a.plan->has_value() && b.plan->has_value());
  const v1::BroadcastPlan& plan = **b.plan;
  EXPECT_EQ((*a.plan)->rank(), 1);
  EXPECT_EQ(plan.rank(), 2);
  EXPECT_EQ(plan.world_size(), 3);
  EXPECT_EQ(plan.store_host(), "learner");
  EXPECT_EQ(plan.store_port(), 7);
  EXPECT_EQ(plan.store_prefix(), epoch.store_prefix);
  EXPECT_EQ(plan.timeout().seconds(), 9);
  EXPECT_EQ(plan.manifest().policy_version(), 3);
  EXPECT_EQ(epochs_.bytes_sent(), 200);
}

TEST_F(BroadcastEpochsTest, WhoIsGoneIsInNoPlan) {
  Join &a = Park("a", -1), &b = Park("b", -1);
  const Join& c = Park("c", -1);
  EXPECT_TRUE(epochs_.Withdraw(a.ticket));
  epochs_.EndWorker("b");
  EXPECT_TRUE(absl::IsNotFound(b.plan.status()));
  EXPECT_EQ(epochs_.parked(), 1);
  Publish(0);
  EXPECT_THAT(Hold().members, ElementsAre("c"));
  EXPECT_EQ(a.answers, 0);
  EXPECT_EQ(c.answers, 1);
  EXPECT_TRUE(absl::IsNotFound(Park("b", -1).plan.status()));
}

TEST_F(BroadcastEpochsTest, ConnectionsAreKeptWhileTheMembersAreTheSame) {
  Publish(0);
  Park("a", -1);
  Park("b", -1);
  const BroadcastEpochs::Epoch first = Hold();
  EXPECT_TRUE(first.connects_anew);
  Publish(1);
  Park("b", 0);
  Park("a", 0);
  const BroadcastEpochs::Epoch second = Hold();
  EXPECT_FALSE(second.connects_anew);
  EXPECT_EQ(second.store_prefix, first.store_prefix);
  Publish(2);
  Park("a", 1);
  const BroadcastEpochs::Epoch third = Hold();
  EXPECT_TRUE(third.connects_anew) << "b is missing";
  EXPECT_NE(third.store_prefix, first.store_prefix);
}

TEST_F(BroadcastEpochsTest, WhoLostAnEpochMeetsTheOthersAtANewPlaceWhateverItAcknowledged) {
  Publish(0);
  Park("a", -1);
  Park("b", -1);
  const BroadcastEpochs::Epoch first = Hold();
  Publish(1);
  Park("a", 0);
  Park("b", -1);  // It did not get version 0, and nothing of that was heard.
  const BroadcastEpochs::Epoch second = Hold();
  EXPECT_EQ(second.members, first.members);
  EXPECT_TRUE(second.connects_anew);
  EXPECT_NE(second.store_prefix, first.store_prefix);
}

TEST_F(BroadcastEpochsTest, AFailedEpochIsHeldAgainAtANewPlace) {
  Publish(0);
  Park("a", -1);
  const auto failed = epochs_.Next();
  epochs_.End(*failed, absl::UnavailableError("a member died"));
  EXPECT_EQ(epochs_.last_outcome(), absl::UnavailableError("a member died"));
  Park("a", -1);
  const BroadcastEpochs::Epoch again = Hold();
  EXPECT_TRUE(epochs_.last_outcome().ok());
  EXPECT_TRUE(again.connects_anew);
  EXPECT_NE(again.store_prefix, failed->store_prefix);
  EXPECT_EQ(epochs_.TakeStatistics().failed_epochs, 1);
}

TEST_F(BroadcastEpochsTest, AcknowledgementsAreCountedAndWrongDigestsRefused) {
  Publish(0);
  EXPECT_TRUE(absl::IsFailedPrecondition(Acknowledge("a", 0, uint64_t{9})));
  EXPECT_TRUE(Acknowledge("a", 0, DigestOfVersion(0)).ok());
  EXPECT_EQ(epochs_.TakeStatistics().acknowledged, 1);
  EXPECT_EQ(epochs_.TakeStatistics().acknowledged, 0);
}

TEST_F(BroadcastEpochsTest, AWorkerThatJoinsAgainHasGivenUpItsOlderCall) {
  const Join &older = Park("a", -1), &newer = Park("a", -1);
  EXPECT_TRUE(older.plan.ok() && !older.plan->has_value());
  Publish(0);
  Hold();
  EXPECT_EQ(older.answers, 1);
  EXPECT_EQ(newer.answers, 1);
}

TEST_F(BroadcastEpochsTest, CloseEndsEveryWait) {
  const Join& join = Park("a", -1);
  std::thread closer([this] { epochs_.Close(); });
  EXPECT_FALSE(epochs_.Next().has_value());
  closer.join();
  EXPECT_TRUE(absl::IsUnavailable(join.plan.status()));
  EXPECT_TRUE(absl::IsUnavailable(Park("a", -1).plan.status()));
}

class GatheringTest : public BroadcastEpochsTest {
 protected:
  GatheringTest() : BroadcastEpochsTest(absl::Seconds(60)) {}
};

TEST_F(GatheringTest, OneEpochServesAllLiveWorkersAndBeginsWithTheLastOfThem) {
  Publish(0);
  Park("a", -1);
  std::optional<BroadcastEpochs::Epoch> epoch;
  std::thread broadcaster([&] { epoch = epochs_.Next(); });
  Park("b", -1);
  Park("c", -1);
  broadcaster.join();
  EXPECT_THAT(epoch->members, ElementsAre("a", "b", "c"));
}

TEST_F(GatheringTest, NobodyWaitsForAWorkerThatEnded) {
  Publish(0);
  Park("a", -1);
  Park("b", -1);
  std::optional<BroadcastEpochs::Epoch> epoch;
  std::thread broadcaster([&] { epoch = epochs_.Next(); });
  epochs_.EndWorker("c");
  broadcaster.join();
  EXPECT_THAT(epoch->members, ElementsAre("a", "b"));
}

}  // namespace
}  // namespace maspo
