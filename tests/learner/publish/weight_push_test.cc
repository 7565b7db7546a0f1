// The weight plane from end to end over Gloo on loopback: the learner's WeightPublisher and the workers'
// WeightReceiver, joined directly instead of over gRPC.
#include <gtest/gtest.h>

#include <thread>
#include <utility>
#include <vector>

#include "collective/collective.h"
#include "learner/publish/weight_publisher.h"
#include "rollout_worker/weights/weight_receiver.h"
#include "services/base/steady_clock.h"
#include "tests/model/held_weights.h"
#include "tests/model/tiny_model.h"

namespace maspo {
namespace {

class WeightPushTest : public ::testing::Test {
 protected:
  void Start(absl::Duration timeout) {
    publisher_ = *WeightPublisher::Create({.timeout = timeout, .gather = absl::Milliseconds(200)});
    for (const char* worker : {"a", "b"}) publisher_->epochs().AddWorker(worker);
  }
  absl::StatusOr<std::optional<ReceivedWeights>> Receive(WeightReceiver& receiver, const std::string& worker,
                                                         int64_t version) {
    return receiver.ReceiveNewer(worker, version, SteadyNow() + absl::Seconds(20));
  }
  // As a worker does: an epoch that failed is tried again.
  absl::StatusOr<std::optional<ReceivedWeights>> ReceiveInTheEnd(WeightReceiver& receiver, const std::string& worker) {
    const absl::Time deadline = SteadyNow() + absl::Seconds(60);
    auto received = Receive(receiver, worker, -1);
    while (absl::IsUnavailable(received.status()) && SteadyNow() < deadline) received = Receive(receiver, worker, -1);
    return received;
  }
  void AwaitParked(size_t count) {
    while (publisher_->epochs().parked() < count) std::this_thread::yield();
  }

  std::shared_ptr<PolicySnapshot> Copy() {
    auto copy = ParameterSet::Allocate(TinyConfig(), torch::kCPU, weights_->dtype());
    copy->CopyFrom(*weights_);
    return std::make_shared<HeldWeights>(std::move(copy));
  }

  std::shared_ptr<ParameterSet> weights_ = RandomParameters(TinyConfig());
  std::unique_ptr<WeightPublisher> publisher_;
};

TEST_F(WeightPushTest, EveryWorkerGetsEveryVersionBitForBit) {
  Start(absl::Seconds(20));
  WeightReceiver a({}, TinyConfig(), &publisher_->epochs()), b({}, TinyConfig(), &publisher_->epochs());
  for (int64_t version = 0; version < 3; ++version) {
    weights_->buckets()[0].values.add_(1);
    publisher_->Publish(Copy(), version);
    absl::StatusOr<std::optional<ReceivedWeights>> from_b;
    std::thread other([&] { from_b = Receive(b, "b", version - 1); });
    const auto from_a = Receive(a, "a", version - 1);
    other.join();
    for (const auto* received :
         std::initializer_list<const absl::StatusOr<std::optional<ReceivedWeights>>*>{&from_a, &from_b}) {
      ASSERT_TRUE(received->ok()) << received->status();
      EXPECT_EQ((**received)->policy_version, version);
      EXPECT_EQ(DigestsOf(*(**received)->parameters), DigestsOf(*weights_));
    }
  }
  EXPECT_EQ(publisher_->TakeStatistics().failed_epochs, 0);
}

TEST_F(WeightPushTest, ALateWorkerGetsTheNewestVersionAlone) {
  Start(absl::Seconds(20));
  publisher_->Publish(Copy(), 7);
  WeightReceiver late({}, TinyConfig(), &publisher_->epochs());
  const auto received = Receive(late, "b", -1);
  ASSERT_TRUE(received.ok()) << received.status();
  EXPECT_EQ((*received)->policy_version, 7);
}

TEST_F(WeightPushTest, ThePublishedVersionIsASnapshot) {
  Start(absl::Seconds(20));
  const std::vector<uint64_t> digests = DigestsOf(*weights_);
  publisher_->Publish(Copy(), 0);
  weights_->buckets()[0].values.add_(1);  // The learner goes on training.
  WeightReceiver worker({}, TinyConfig(), &publisher_->epochs());
  const auto received = Receive(worker, "a", -1);
  ASSERT_TRUE(received.ok()) << received.status();
  EXPECT_EQ(DigestsOf(*(*received)->parameters), digests);
}

// Neither is the version that could not be described sent, nor is that kept to oneself.
TEST_F(WeightPushTest, AVersionThatLostARankIsAProblem) {
  struct Lost final : PolicySnapshot {
    absl::StatusOr<v1::WeightManifest> Describe(int64_t) override { return absl::UnavailableError("rank 3 is gone"); }
    absl::Status ForEachBucket(Visit) override { return absl::UnavailableError("rank 3 is gone"); }
  };
  Start(absl::Seconds(20));
  publisher_->Publish(std::make_shared<Lost>(), 0);
  while (publisher_->Problem().empty()) std::this_thread::yield();
  EXPECT_EQ(publisher_->Problem(), "rank 3 is gone");
  publisher_->Publish(Copy(), 1);
  WeightReceiver worker({}, TinyConfig(), &publisher_->epochs());
  const auto received = Receive(worker, "a", -1);
  ASSERT_TRUE(received.ok()) << received.status();
  EXPECT_EQ((*received)->policy_version, 1);
}

TEST_F(WeightPushTest, AMemberThatDiesAfterJoiningDoesNotKeepTheOthersFromTheWeights) {
  Start(absl::Seconds(2));
  std::thread dead([&] {  // Takes its plan and is never seen again.
    publisher_->epochs().Join("b", -1, SteadyNow() + absl::Seconds(10)).status().IgnoreError();
    publisher_->epochs().EndWorker("b");
  });
  std::thread learner([&] {
    AwaitParked(2);  // So that both are members.
    publisher_->Publish(Copy(), 0);
  });
  WeightReceiver survivor({}, TinyConfig(), &publisher_->epochs());
  const auto first = Receive(survivor, "a", -1);
  learner.join();
  dead.join();
  EXPECT_EQ(first.status().code(), absl::StatusCode::kUnavailable);
  const auto second = ReceiveInTheEnd(survivor, "a");
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_EQ(DigestsOf(*(*second)->parameters), DigestsOf(*weights_));
  EXPECT_GE(publisher_->TakeStatistics().failed_epochs, 1);
}

// Passes plans on, with a change.
class ChangingChannel final : public WeightChannel {
 public:
  ChangingChannel(WeightChannel* inner, std::function<void(v1::BroadcastPlan&)> change)
      : inner_(inner), change_(std::move(change)) {}
  absl::StatusOr<std::optional<v1::BroadcastPlan>> Join(const std::string& worker_id, int64_t served_version,
                                                        absl::Time deadline) override {
    auto plan = inner_->Join(worker_id, served_version, deadline);
    if (plan.ok() && plan->has_value()) change_(**plan);
    return plan;
  }
  absl::Status Acknowledge(const v1::AcknowledgeRequest& acknowledgement) override {
    last_error = acknowledgement.error();
    return inner_->Acknowledge(acknowledgement);
  }
  std::string last_error;

 private:
  WeightChannel* const inner_;
  const std::function<void(v1::BroadcastPlan&)> change_;
};

// Loses the first acknowledgement on its way.
class LosingChannel final : public WeightChannel {
 public:
  explicit LosingChannel(WeightChannel* inner) : inner_(inner) {}
  absl::StatusOr<std::optional<v1::BroadcastPlan>> Join(const std::string& worker_id, int64_t served_version,
                                                        absl::Time deadline) override {
    return inner_->Join(worker_id, served_version, deadline);
  }
  absl::Status Acknowledge(const v1::AcknowledgeRequest& acknowledgement) override {
    if (std::exchange(is_lost_, true)) return inner_->Acknowledge(acknowledgement);
    return absl::UnavailableError("lost");
  }

 private:
  WeightChannel* const inner_;
  bool is_lost_ = false;
};

TEST_F(WeightPushTest, ALostAcknowledgementCostsNoTimeout) {
  Start(absl::Seconds(20));
  publisher_->Publish(Copy(), 0);
  LosingChannel channel(&publisher_->epochs());
  WeightReceiver worker({}, TinyConfig(), &channel);
  EXPECT_EQ(Receive(worker, "a", -1).status().code(), absl::StatusCode::kUnavailable);
  const absl::Time start = SteadyNow();
  const auto again = Receive(worker, "a", -1);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(DigestsOf(*(*again)->parameters), DigestsOf(*weights_));
  EXPECT_LT(SteadyNow() - start, absl::Seconds(10));
  EXPECT_EQ(publisher_->TakeStatistics().failed_epochs, 0);
}

TEST_F(WeightPushTest, TheStoreForgetsThePlacesWhereNobodyMeetsAnyMore) {
  Start(absl::Seconds(20));
  v1::BroadcastPlan last;
  std::vector<size_t> keys;
  for (int64_t version = 0; version < 4; ++version) {
    publisher_->Publish(Copy(), version);
    ChangingChannel channel(&publisher_->epochs(), [&](v1::BroadcastPlan& plan) { last = plan; });
    WeightReceiver newcomer({}, TinyConfig(), &channel);  // Not the member of the epoch before, so it connects anew.
    ASSERT_TRUE(Receive(newcomer, version % 2 == 0 ? "a" : "b", -1).ok());
    const auto store = ConnectStore(last.store_host(), static_cast<uint16_t>(last.store_port()), absl::Seconds(5));
    ASSERT_TRUE(store.ok()) << store.status();
    keys.push_back((*store)->listKeys().size());
  }
  EXPECT_GT(keys[0], 0);
  EXPECT_EQ(keys[3], keys[1]);
}

TEST_F(WeightPushTest, WeightsWithAnotherDigestAreNeverServed) {
  Start(absl::Seconds(20));
  publisher_->Publish(Copy(), 0);
  ChangingChannel channel(&publisher_->epochs(), [](v1::BroadcastPlan& plan) {  // As if a byte had changed on the way.
    plan.mutable_manifest()->mutable_buckets(1)->set_digest(7);
  });
  WeightReceiver worker({}, TinyConfig(), &channel);
  const auto received = Receive(worker, "a", -1);
  EXPECT_EQ(received.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_NE(channel.last_error.find("the digest of layers.0 is"), std::string::npos) << channel.last_error;
}

TEST_F(WeightPushTest, AWorkerWithoutAGpuIsToldThatTheLearnerSendsBetweenGpus) {
  Start(absl::Seconds(2));
  publisher_->Publish(Copy(), 0);
  ChangingChannel channel(&publisher_->epochs(),
                          [](v1::BroadcastPlan& plan) { plan.set_transport(v1::WEIGHT_TRANSPORT_NCCL); });
  WeightReceiver worker({}, TinyConfig(), &channel);
  EXPECT_EQ(Receive(worker, "a", -1).status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(channel.last_error.find("weights.backend to gloo"), std::string::npos) << channel.last_error;
}

TEST_F(WeightPushTest, AWorkerWithAnotherModelIsTold) {
  Start(absl::Seconds(2));
  publisher_->Publish(Copy(), 0);
  ModelConfig other = TinyConfig();
  other.intermediate_size = 44;
  WeightReceiver worker({}, other, &publisher_->epochs());
  EXPECT_EQ(Receive(worker, "a", -1).status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(WeightPushTest, JoinKnowsItsWorkersAndCloseWakesThem) {
  Start(absl::Seconds(20));
  EXPECT_EQ(publisher_->epochs().Join("stranger", -1, SteadyNow() + absl::Seconds(5)).status().code(),
            absl::StatusCode::kNotFound);
  const auto nothing = publisher_->epochs().Join("a", -1, SteadyNow() + absl::Milliseconds(50));
  ASSERT_TRUE(nothing.ok());
  EXPECT_FALSE(nothing->has_value());
  std::thread closer([&] {
    AwaitParked(1);
    publisher_->epochs().Close();
  });
  EXPECT_EQ(publisher_->epochs().Join("a", -1, absl::InfiniteFuture()).status().code(), absl::StatusCode::kUnavailable);
  closer.join();
}

}  // namespace
}  // namespace maspo
