// The weight plane from end to end over Gloo on loopback: the learner's WeightPublisher and the workers'
// WeightReceiver, joined directly instead of over gRPC.
#include <gtest/gtest.h>

#include <thread>

#include "absl/time/clock.h"
#include "learner/publish/weight_publisher.h"
#include "rollout_worker/weights/weight_receiver.h"
#include "tests/model/tiny_model.h"

namespace maspo {
namespace {

class WeightPushTest : public ::testing::Test {
 protected:
  void Start(absl::Duration timeout) {
    publisher_ = *WeightPublisher::Create({.timeout = timeout, .gather = absl::Milliseconds(200)}, [this] {
      absl::MutexLock lock(&mutex_);
      return live_;
    });
  }
  void SetLive(std::vector<std::string> live) {
    absl::MutexLock lock(&mutex_);
    live_ = std::move(live);
  }
  absl::StatusOr<std::optional<ReceivedWeights>> Receive(WeightReceiver& receiver, const std::string& worker,
                                                         int64_t version) {
    return receiver.ReceiveNewer(worker, version, absl::Now() + absl::Seconds(20));
  }

  absl::Mutex mutex_;
  std::vector<std::string> live_ ABSL_GUARDED_BY(mutex_) = {"a", "b"};
  std::shared_ptr<ParameterSet> weights_ = RandomParameters(TinyConfig());
  std::unique_ptr<WeightPublisher> publisher_;
};

TEST_F(WeightPushTest, EveryWorkerGetsEveryVersionBitForBit) {
  Start(absl::Seconds(20));
  WeightReceiver a({}, TinyConfig(), publisher_.get()), b({}, TinyConfig(), publisher_.get());
  for (int64_t version = 0; version < 3; ++version) {
    weights_->buckets()[0].values.add_(1);
    publisher_->Publish(*weights_, TinyConfig(), version);
    absl::StatusOr<std::optional<ReceivedWeights>> from_b;
    std::thread other([&] { from_b = Receive(b, "b", version - 1); });
    const auto from_a = Receive(a, "a", version - 1);
    other.join();
    for (const auto* received :
         std::initializer_list<const absl::StatusOr<std::optional<ReceivedWeights>>*>{&from_a, &from_b}) {
      ASSERT_TRUE(received->ok()) << received->status();
      EXPECT_EQ((**received)->policy_version, version);
      EXPECT_EQ(DigestOf(*(**received)->parameters), DigestOf(*weights_));
    }
  }
  EXPECT_EQ(publisher_->TakeStatistics().failed_epochs, 0);
}

TEST_F(WeightPushTest, ALateWorkerGetsTheNewestVersionAlone) {
  Start(absl::Seconds(20));
  publisher_->Publish(*weights_, TinyConfig(), 7);
  WeightReceiver late({}, TinyConfig(), publisher_.get());
  const auto received = Receive(late, "b", -1);
  ASSERT_TRUE(received.ok()) << received.status();
  EXPECT_EQ((*received)->policy_version, 7);
}

TEST_F(WeightPushTest, ThePublishedVersionIsASnapshot) {
  Start(absl::Seconds(20));
  const std::string digest = DigestOf(*weights_);
  publisher_->Publish(*weights_, TinyConfig(), 0);
  weights_->buckets()[0].values.add_(1);  // The learner goes on training.
  WeightReceiver worker({}, TinyConfig(), publisher_.get());
  const auto received = Receive(worker, "a", -1);
  ASSERT_TRUE(received.ok()) << received.status();
  EXPECT_EQ(DigestOf(*(*received)->parameters), digest);
}

TEST_F(WeightPushTest, AMemberThatDiesAfterJoiningDoesNotKeepTheOthersFromTheWeights) {
  Start(absl::Seconds(2));
  std::thread dead([&] {  // Takes its plan and is never seen again.
    publisher_->Join("b", -1, absl::Now() + absl::Seconds(10)).status().IgnoreError();
    SetLive({"a"});
  });
  absl::SleepFor(absl::Milliseconds(50));
  publisher_->Publish(*weights_, TinyConfig(), 0);
  WeightReceiver survivor({}, TinyConfig(), publisher_.get());
  const auto first = Receive(survivor, "a", -1);
  dead.join();
  EXPECT_EQ(first.status().code(), absl::StatusCode::kUnavailable);
  const auto second = Receive(survivor, "a", -1);
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_EQ(DigestOf(*(*second)->parameters), DigestOf(*weights_));
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

TEST_F(WeightPushTest, WeightsWithAnotherDigestAreNeverServed) {
  Start(absl::Seconds(20));
  publisher_->Publish(*weights_, TinyConfig(), 0);
  ChangingChannel channel(publisher_.get(), [](v1::BroadcastPlan& plan) {  // As if a byte had changed on the way.
    plan.mutable_manifest()->set_digest(std::string(32, '0'));
  });
  WeightReceiver worker({}, TinyConfig(), &channel);
  const auto received = Receive(worker, "a", -1);
  EXPECT_EQ(received.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_NE(channel.last_error.find("digest"), std::string::npos);
}

TEST_F(WeightPushTest, AWorkerWithoutAGpuIsToldThatTheLearnerSendsBetweenGpus) {
  Start(absl::Seconds(2));
  publisher_->Publish(*weights_, TinyConfig(), 0);
  ChangingChannel channel(publisher_.get(),
                          [](v1::BroadcastPlan& plan) { plan.set_transport(v1::WEIGHT_TRANSPORT_NCCL); });
  WeightReceiver worker({}, TinyConfig(), &channel);
  EXPECT_EQ(Receive(worker, "a", -1).status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(channel.last_error.find("weights.backend to gloo"), std::string::npos) << channel.last_error;
}

TEST_F(WeightPushTest, AWorkerWithAnotherModelIsTold) {
  Start(absl::Seconds(2));
  publisher_->Publish(*weights_, TinyConfig(), 0);
  ModelConfig other = TinyConfig();
  other.intermediate_size = 44;
  WeightReceiver worker({}, other, publisher_.get());
  EXPECT_EQ(Receive(worker, "a", -1).status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(WeightPushTest, JoinKnowsItsWorkersAndCloseWakesThem) {
  Start(absl::Seconds(20));
  EXPECT_EQ(publisher_->Join("stranger", -1, absl::Now() + absl::Seconds(5)).status().code(),
            absl::StatusCode::kNotFound);
  const auto nothing = publisher_->Join("a", -1, absl::Now() + absl::Milliseconds(50));
  ASSERT_TRUE(nothing.ok());
  EXPECT_FALSE(nothing->has_value());
  std::thread closer([&] {
    absl::SleepFor(absl::Milliseconds(50));
    publisher_->Close();
  });
  EXPECT_EQ(publisher_->Join("a", -1, absl::InfiniteFuture()).status().code(), absl::StatusCode::kCancelled);
  closer.join();
}

}  // namespace
}  // namespace maspo
