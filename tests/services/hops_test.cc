// The four hops to the learner, through real sockets: what a worker's client sees is what the learner's end said.
#include <gmock/gmock.h>
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include <thread>

#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "services/control/control_client.h"
#include "services/prompts/prompt_client.h"
#include "services/trajectory/trajectory_client.h"
#include "services/weights/weight_client.h"
#include "tests/services/loopback.h"
#include "tests/support/captured_log.h"

namespace maspo {
namespace {

using ::google::protobuf::util::MessageDifferencer;
using ::testing::HasSubstr;

absl::Time In(double seconds) { return absl::Now() + absl::Seconds(seconds); }

v1::TrajectoryGroup SomeGroup() {
  v1::TrajectoryGroup group;
  group.set_group_id("g-1");
  v1::Trajectory& trajectory = *group.add_trajectories();
  for (uint32_t token : {0u, 7u, 151643u}) trajectory.add_token_ids(token);
  for (float logprob : {-0.5f, -1e-7f, -20.25f}) trajectory.add_behavior_logprobs(logprob);
  v1::PolicyVersionRun& run = *trajectory.add_version_runs();
  run.set_policy_version(-1);
  run.set_num_tokens(3);
  return group;
}

class HopsTest : public ::testing::Test {
 protected:
  HopsTest() : endpoint_(learner_.Start()), channel_(Connect(endpoint_)) {}

  FakeLearner learner_;
  const std::string endpoint_;
  const std::unique_ptr<RpcChannel> channel_;
  PromptClient prompts_{channel_.get()};
  TrajectoryClient trajectories_{channel_.get()};
  WeightClient weights_{channel_.get()};
  ControlClient control_{channel_.get(), {}};
};

TEST_F(HopsTest, MessagesArriveAsTheyWereSent) {
  v1::Lease lease;
  lease.mutable_group()->set_group_id("g-1");
  lease.mutable_group()->mutable_sampling()->set_temperature(0.7f);
  lease.set_attempt(2);
  learner_.prompts.Give(lease);
  const auto leases = prompts_.Acquire("w", 4, In(10));
  ASSERT_TRUE(leases.ok()) << leases.status();
  ASSERT_EQ(leases->size(), 1u);
  EXPECT_TRUE(MessageDifferencer::Equals((*leases)[0], lease));

  ASSERT_TRUE(prompts_.Release("w", "g-1", "unscorable", "no reward server").ok());
  ASSERT_EQ(learner_.prompts.returned().size(), 1u);
  EXPECT_EQ(learner_.prompts.returned()[0].reason, "unscorable");
  EXPECT_EQ(learner_.prompts.returned()[0].message, "no reward server");

  ASSERT_TRUE(trajectories_.Offer(SomeGroup(), In(10)).ok());
  ASSERT_EQ(learner_.trajectories.groups().size(), 1u);
  EXPECT_TRUE(MessageDifferencer::Equals(learner_.trajectories.groups()[0], SomeGroup()));

  v1::BroadcastPlan plan;
  plan.set_epoch(3);
  plan.mutable_manifest()->set_policy_version(0);
  learner_.weights.Publish(plan);
  const auto joined = weights_.Join("w", -1, In(10));
  ASSERT_TRUE(joined.ok()) << joined.status();
  ASSERT_TRUE(joined->has_value());
  EXPECT_TRUE(MessageDifferencer::Equals(**joined, plan));
  v1::AcknowledgeRequest acknowledgement;
  acknowledgement.set_digest("00ff");
  ASSERT_TRUE(weights_.Acknowledge(acknowledgement).ok());
  EXPECT_EQ(learner_.weights.acknowledgements()[0].digest(), "00ff");

  v1::RegisterRequest registration;
  registration.set_worker_name("worker");
  EXPECT_EQ(control_.Register(registration)->worker_id(), "worker-1");
  learner_.membership.SayStop();
  EXPECT_TRUE(control_.Heartbeat({})->stop());
  EXPECT_EQ(control_.GetStatus()->workers(0).worker_name(), "worker");
}

// The codes that proto/*.proto promises, each with its sentence.
TEST_F(HopsTest, EveryStatusOfTheContractCrossesTheWire) {
  const auto error = [](absl::StatusCode code) { return absl::Status(code, absl::StrCat("sentence ", int(code))); };
  for (auto code : {absl::StatusCode::kNotFound, absl::StatusCode::kCancelled, absl::StatusCode::kInvalidArgument}) {
    learner_.prompts.Answer(error(code));
    EXPECT_EQ(prompts_.Acquire("w", 1, In(10)).status(), error(code));
    EXPECT_EQ(prompts_.Release("w", "g", "", ""), error(code));
  }
  for (auto code : {absl::StatusCode::kAlreadyExists, absl::StatusCode::kFailedPrecondition,
                    absl::StatusCode::kNotFound, absl::StatusCode::kInvalidArgument, absl::StatusCode::kCancelled}) {
    learner_.trajectories.RefuseNext(error(code));
    EXPECT_EQ(trajectories_.Offer(SomeGroup(), In(10)), error(code));
  }
  for (auto code : {absl::StatusCode::kNotFound, absl::StatusCode::kCancelled, absl::StatusCode::kFailedPrecondition}) {
    learner_.weights.Answer(error(code));
    EXPECT_EQ(weights_.Join("w", 0, In(10)).status(), error(code));
    EXPECT_EQ(weights_.Acknowledge({}), error(code));
  }
  for (auto code : {absl::StatusCode::kFailedPrecondition, absl::StatusCode::kNotFound}) {
    learner_.membership.Answer(error(code));
    EXPECT_EQ(control_.Register({}).status(), error(code));
    EXPECT_EQ(control_.Heartbeat({}).status(), error(code));
    EXPECT_EQ(control_.GetStatus().status(), error(code));
  }
}

TEST_F(HopsTest, LongPollsReturnNothingAtTheirDeadline) {
  const absl::Time start = absl::Now();
  const auto leases = prompts_.Acquire("w", 1, start + absl::Seconds(1));
  ASSERT_TRUE(leases.ok()) << leases.status();
  EXPECT_TRUE(leases->empty());
  const auto plan = weights_.Join("w", 0, absl::Now() + absl::Seconds(1));
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_FALSE(plan->has_value());
  EXPECT_GT(absl::Now() - start, absl::Seconds(1));
  EXPECT_LT(absl::Now() - start, absl::Seconds(3));
}

TEST_F(HopsTest, LongPollReturnsAsSoonAsThereIsSomething) {
  std::thread giver([this] {
    while (learner_.prompts.waiting() == 0) absl::SleepFor(absl::Milliseconds(5));
    learner_.prompts.Give("g-1");
  });
  const absl::Time start = absl::Now();
  EXPECT_EQ(prompts_.Acquire("w", 1, In(30))->size(), 1u);
  EXPECT_LT(absl::Now() - start, absl::Seconds(5));
  giver.join();
}

TEST_F(HopsTest, ClosingTheCoreWakesLongPolls) {
  std::thread closer([this] {
    while (learner_.prompts.waiting() == 0) absl::SleepFor(absl::Milliseconds(5));
    learner_.prompts.Answer(absl::CancelledError("the run is over"));
  });
  EXPECT_EQ(prompts_.Acquire("w", 1, In(30)).status(), absl::CancelledError("the run is over"));
  closer.join();
}

TEST_F(HopsTest, ClosingTheChannelEndsCallsInFlightAndFreesTheLearner) {
  std::thread closer([this] {
    while (learner_.prompts.waiting() == 0) absl::SleepFor(absl::Milliseconds(5));
    channel_->Close();
  });
  const absl::Time start = absl::Now();
  EXPECT_EQ(prompts_.Acquire("w", 1, In(30)).status().code(), absl::StatusCode::kCancelled);
  closer.join();
  EXPECT_EQ(weights_.Join("w", 0, In(30)).status().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(control_.GetStatus().status().code(), absl::StatusCode::kCancelled);
  // The handler notices that its caller is gone: whatever comes now is not taken by it.
  while (learner_.prompts.waiting() > 0) absl::SleepFor(absl::Milliseconds(5));
  EXPECT_LT(absl::Now() - start, absl::Seconds(10));
}

// A source that grants a lease at the very moment when its caller has left.
class LateSource final : public PromptSource {
 public:
  absl::StatusOr<std::vector<v1::Lease>> Acquire(const std::string&, int, absl::Time) override {
    asked_.Notify();
    caller_left_.WaitForNotification();
    absl::SleepFor(absl::Milliseconds(200));  // Until the cancellation has travelled.
    v1::Lease lease;
    lease.mutable_group()->set_group_id("g-late");
    return std::vector<v1::Lease>{lease};
  }
  absl::Status Release(const std::string&, const std::string& group_id, const std::string& reason,
                       const std::string&) override {
    released_ = group_id + " " + reason;
    return absl::OkStatus();
  }
  absl::Notification asked_, caller_left_;
  std::string released_;
};

TEST(PromptServiceTest, LeaseGrantedToACallerThatLeftIsGivenBack) {
  LateSource source;
  Metrics metrics("learner", "0");
  PromptService service(&source, metrics);
  auto server = StartServer("127.0.0.1:0", {&service});
  const auto channel = Connect(server->address().ToString());
  std::thread leaver([&] {
    source.asked_.WaitForNotification();
    channel->Close();
    source.caller_left_.Notify();
  });
  EXPECT_EQ(PromptClient(channel.get()).Acquire("w", 1, In(30)).status().code(), absl::StatusCode::kCancelled);
  leaver.join();
  server->Shutdown(absl::Seconds(10));
  EXPECT_EQ(source.released_, "g-late undelivered");
}

TEST_F(HopsTest, FullBufferIsOfferedAgainUntilItHasRoom) {
  for (int i = 0; i < 3; ++i) learner_.trajectories.RefuseNext(absl::ResourceExhaustedError("full"));
  EXPECT_TRUE(trajectories_.Offer(SomeGroup(), In(20)).ok());
  EXPECT_EQ(learner_.trajectories.groups().size(), 1u);
}

TEST_F(HopsTest, BufferThatStaysFullIsTheAnswerAtTheDeadline) {
  for (int i = 0; i < 100; ++i) learner_.trajectories.RefuseNext(absl::ResourceExhaustedError("full"));
  EXPECT_EQ(trajectories_.Offer(SomeGroup(), In(0.5)), absl::ResourceExhaustedError("full"));
}

TEST_F(HopsTest, OversizedMessageIsRefusedBeforeItIsSent) {
  v1::NetworkSection network;
  network.set_max_message_mib(1);
  const auto channel = Connect(endpoint_, network);
  v1::TrajectoryGroup group = SomeGroup();
  group.set_prompt_id(std::string(2 << 20, 'x'));
  const absl::Status status = TrajectoryClient(channel.get()).Offer(group, In(10));
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("exceeds network.max_message_mib, which is 1"));
  EXPECT_TRUE(learner_.trajectories.groups().empty());
}

TEST_F(HopsTest, LearnerRefusesOversizedMessagesOfOthers) {
  v1::NetworkSection small;
  small.set_max_message_mib(1);
  FakeLearner learner;
  const auto channel = Connect(learner.Start("127.0.0.1:0", small));
  v1::TrajectoryGroup group = SomeGroup();
  group.set_prompt_id(std::string(2 << 20, 'x'));
  EXPECT_EQ(TrajectoryClient(channel.get()).Offer(group, In(0.5)).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(learner.trajectories.groups().empty());
}

TEST_F(HopsTest, ServedCallsAreCountedByMethodAndCode) {
  learner_.membership.Answer(absl::NotFoundError("ended"));
  EXPECT_FALSE(control_.Heartbeat({}).ok());
  EXPECT_FALSE(control_.Heartbeat({}).ok());
  EXPECT_EQ(learner_.metrics.AddCounter("maspo_rpc_calls_total", "", {{"method", "Heartbeat"}, {"code", "NOT_FOUND"}})
                .Value(),
            2);
}

TEST(OutageTest, WorkerMayStartBeforeTheLearnerAndSaysSoOnce) {
  CapturedLog log;
  const std::string endpoint = FreeEndpoint();
  const auto channel = Connect(endpoint);
  FakeLearner learner;
  learner.prompts.Give("g-1");
  std::thread late([&] {
    absl::SleepFor(absl::Seconds(1));
    learner.Start(endpoint);
  });
  ControlClient control(channel.get(), {});
  PromptClient prompts(channel.get());
  std::thread other([&] { EXPECT_TRUE(prompts.Acquire("w", 1, In(20)).ok()); });
  EXPECT_TRUE(control.Register({}).ok());
  late.join();
  other.join();
  EXPECT_EQ(log.Count("the learner at " + endpoint + " does not answer"), 1) << log.text();
  EXPECT_EQ(log.Count("answers again"), 1) << log.text();
}

TEST(OutageTest, LongPollsSurviveARestartOfTheLearner) {
  const std::string endpoint = FreeEndpoint();
  auto first = std::make_unique<FakeLearner>();
  first->Start(endpoint);
  const auto channel = Connect(endpoint);
  WeightClient weights(channel.get());
  FakeLearner second;
  v1::BroadcastPlan plan;
  plan.mutable_manifest()->set_policy_version(5);
  second.weights.Publish(plan);
  std::thread restart([&] {
    absl::SleepFor(absl::Milliseconds(300));
    first.reset();
    second.Start(endpoint);
  });
  const auto joined = weights.Join("w", 4, In(30));
  restart.join();
  ASSERT_TRUE(joined.ok()) << joined.status();
  ASSERT_TRUE(joined->has_value());
  EXPECT_EQ((*joined)->manifest().policy_version(), 5);
}

TEST(OutageTest, NobodyThereIsNothingForLongPollsAndUnavailableForTheRest) {
  CapturedLog log;
  const auto channel = Connect(FreeEndpoint());
  const absl::Time deadline = In(1);
  const auto leases = PromptClient(channel.get()).Acquire("w", 1, deadline);
  EXPECT_GE(absl::Now(), deadline);
  ASSERT_TRUE(leases.ok()) << leases.status();
  EXPECT_TRUE(leases->empty());
  const absl::Status status = TrajectoryClient(channel.get()).Offer(SomeGroup(), In(0.3));
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr("does not answer"));
  EXPECT_EQ(ControlClient(channel.get(), {.register_timeout = absl::Seconds(0.3)}).Register({}).status().code(),
            absl::StatusCode::kUnavailable);
  EXPECT_EQ(log.Count("does not answer; trying again"), 1) << log.text();
}

TEST(OutageTest, ClosingTheChannelEndsTheWaitForALearner) {
  CapturedLog log;
  const auto channel = Connect(FreeEndpoint());
  std::thread closer([&] {
    absl::SleepFor(absl::Milliseconds(200));
    channel->Close();
  });
  EXPECT_EQ(ControlClient(channel.get(), {}).Register({}).status().code(), absl::StatusCode::kCancelled);
  closer.join();
}

}  // namespace
}  // namespace maspo
