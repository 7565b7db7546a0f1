// The four hops to the learner, through real sockets: what a worker's client sees is what the learner's end said.
#include <gmock/gmock.h>
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <iterator>
#include <thread>
#include <variant>

#include "absl/synchronization/notification.h"
#include "services/base/steady_clock.h"
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

absl::Time In(double seconds) { return SteadyNow() + absl::Seconds(seconds); }

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

  v1::ReleaseRequest release = ReleaseOf("w", "g-1", "refused", "a stop token is outside the vocabulary");
  release.set_impossible(true);
  ASSERT_TRUE(prompts_.Release(release).ok());
  ASSERT_EQ(learner_.prompts.returned().size(), 1u);
  EXPECT_TRUE(MessageDifferencer::Equals(learner_.prompts.returned()[0], release));

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
  acknowledgement.add_bucket_digests(255);
  ASSERT_TRUE(weights_.Acknowledge(acknowledgement).ok());
  EXPECT_EQ(learner_.weights.acknowledgements()[0].bucket_digests(0), 255);

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
  for (auto code : {absl::StatusCode::kNotFound, absl::StatusCode::kInvalidArgument}) {
    learner_.prompts.Answer(error(code));
    EXPECT_EQ(prompts_.Acquire("w", 1, In(10)).status(), error(code));
    EXPECT_EQ(prompts_.Release(ReleaseOf("w", "g")), error(code));
  }
  for (auto code : {absl::StatusCode::kAlreadyExists, absl::StatusCode::kFailedPrecondition,
                    absl::StatusCode::kNotFound, absl::StatusCode::kInvalidArgument}) {
    learner_.trajectories.RefuseNext(error(code));
    EXPECT_EQ(trajectories_.Offer(SomeGroup(), In(10)), error(code));
  }
  for (auto code : {absl::StatusCode::kNotFound, absl::StatusCode::kFailedPrecondition}) {
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
  const absl::Time start = SteadyNow();
  const auto leases = prompts_.Acquire("w", 1, start + absl::Seconds(1));
  ASSERT_TRUE(leases.ok()) << leases.status();
  EXPECT_TRUE(leases->empty());
  const auto plan = weights_.Join("w", 0, SteadyNow() + absl::Seconds(1));
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_FALSE(plan->has_value());
  EXPECT_GT(SteadyNow() - start, absl::Seconds(1));
  EXPECT_LT(SteadyNow() - start, absl::Seconds(20));
}

TEST_F(HopsTest, LongPollReturnsAsSoonAsThereIsSomething) {
  std::thread giver([this] {
    while (learner_.prompts.waiting() == 0) absl::SleepFor(absl::Milliseconds(5));
    learner_.prompts.Give("g-1");
  });
  const absl::Time start = SteadyNow();
  EXPECT_EQ(prompts_.Acquire("w", 1, In(30))->size(), 1u);
  EXPECT_LT(SteadyNow() - start, absl::Seconds(20));
  giver.join();
}

TEST_F(HopsTest, AnErrorWakesLongPolls) {
  std::thread forgetter([this] {
    while (learner_.prompts.waiting() == 0) absl::SleepFor(absl::Milliseconds(5));
    learner_.prompts.Answer(absl::NotFoundError("register again"));
  });
  EXPECT_EQ(prompts_.Acquire("w", 1, In(30)).status(), absl::NotFoundError("register again"));
  forgetter.join();
}

// What a learner that stops says is nothing that ends a worker: the next one may answer.
TEST_F(HopsTest, ALearnerThatStopsIsOneThatDoesNotAnswerYet) {
  CapturedLog log;
  for (const absl::Status& last_word : {absl::UnavailableError("the learner has stopped"), absl::CancelledError("")}) {
    learner_.prompts.Answer(last_word);
    learner_.weights.Answer(last_word);
    EXPECT_TRUE(prompts_.Acquire("w", 1, In(0.3)).ok());
    EXPECT_TRUE(weights_.Join("w", 0, In(0.3)).ok());
  }
}

TEST_F(HopsTest, WhoCannotDoWhatItIsAskedIsNotCalledAway) {
  CapturedLog log;
  for (int i = 0; i < 100; ++i) learner_.trajectories.RefuseNext(absl::UnavailableError("ledger.jsonl: disk full"));
  const absl::Status status = trajectories_.Offer(SomeGroup(), In(0.5));
  EXPECT_EQ(status, absl::UnavailableError("the learner at " + endpoint_ + ": ledger.jsonl: disk full"));
  EXPECT_EQ(log.Count("does not answer"), 0) << log.text();
  EXPECT_GE(log.Count("cannot do now what it is asked; trying again (ledger.jsonl: disk full)"), 1) << log.text();
}

TEST_F(HopsTest, ClosingTheChannelEndsCallsInFlightAndFreesTheLearner) {
  std::thread closer([this] {
    while (learner_.prompts.waiting() == 0) absl::SleepFor(absl::Milliseconds(5));
    channel_->Close();
  });
  const absl::Time start = SteadyNow();
  EXPECT_EQ(prompts_.Acquire("w", 1, In(30)).status().code(), absl::StatusCode::kCancelled);
  closer.join();
  EXPECT_EQ(weights_.Join("w", 0, In(30)).status().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(control_.GetStatus().status().code(), absl::StatusCode::kCancelled);
  // The handler notices that its caller is gone: whatever comes now is not taken by it.
  while (learner_.prompts.waiting() > 0) absl::SleepFor(absl::Milliseconds(5));
  EXPECT_LT(SteadyNow() - start, absl::Seconds(10));
}

// A source that grants a lease at the very moment when its caller has left.
class LateSource final : public ParkingPromptSource {
 public:
  Ticket Park(const std::string&, int, Answer<std::vector<v1::Lease>> answer) override {
    answer_ = std::move(answer);
    asked_.Notify();
    return 1;
  }
  bool Withdraw(Ticket) override {  // Too late: the answer is on its way.
    v1::Lease lease;
    lease.mutable_group()->set_group_id("g-late");
    answer_(std::vector<v1::Lease>{lease});
    return false;
  }
  void TakeBackUndelivered(const std::string& worker_id, const std::vector<v1::Lease>& leases) override {
    taken_back_ = absl::StrCat(worker_id, " ", leases.at(0).group().group_id());
  }
  absl::Status Release(const v1::ReleaseRequest&) override { return absl::OkStatus(); }

  absl::Notification asked_;
  std::string taken_back_;

 private:
  Answer<std::vector<v1::Lease>> answer_;
};

TEST(PromptServiceTest, LeaseGrantedToACallerThatLeftIsTakenBack) {
  LateSource source;
  Metrics metrics("learner", "0");
  PromptService service(&source, metrics);
  auto server = StartServer("127.0.0.1:0", {&service});
  const auto channel = Connect(server->address().ToString());
  std::thread leaver([&] {
    source.asked_.WaitForNotification();
    channel->Close();
  });
  EXPECT_EQ(PromptClient(channel.get()).Acquire("w", 1, In(30)).status().code(), absl::StatusCode::kCancelled);
  leaver.join();
  server->Shutdown(absl::Seconds(10));
  EXPECT_EQ(source.taken_back_, "w g-late");
}

constexpr absl::Duration kFarTooLong = absl::Seconds(10);  // Less than the calls would last by themselves.

// Runs `call` on a thread until it is parked in the learner, then cancels it, and measures until its place is free.
absl::Duration PlaceIsFreeAfter(RpcChannel& channel, std::function<void()> call, std::function<int()> waiting) {
  std::thread caller(std::move(call));
  while (waiting() == 0) absl::SleepFor(absl::Milliseconds(1));
  const absl::Time left = SteadyNow();
  channel.Close();
  while (waiting() > 0 && SteadyNow() < left + kFarTooLong) absl::SleepFor(absl::Milliseconds(1));
  const absl::Duration took = SteadyNow() - left;
  caller.join();
  return took;
}

TEST_F(HopsTest, APlaceIsFreeAsSoonAsItsCallerIsGone) {
  EXPECT_LT(PlaceIsFreeAfter(
                *channel_, [this] { prompts_.Acquire("w", 1, In(30)).status().IgnoreError(); },
                [this] { return learner_.prompts.waiting(); }),
            kFarTooLong);
  const auto channel = Connect(endpoint_);
  WeightClient weights(channel.get());
  EXPECT_LT(PlaceIsFreeAfter(
                *channel, [&] { weights.Join("w", 0, In(30)).status().IgnoreError(); },
                [this] { return learner_.weights.waiting(); }),
            kFarTooLong);
  learner_.prompts.Give("g-1");
  EXPECT_EQ(PromptClient(Connect(endpoint_).get()).Acquire("w", 1, In(10))->size(), 1u)
      << "nothing went to who is gone";
}

TEST_F(HopsTest, ParkedCallsHoldNoThread) {
  const auto threads = [] {
    return std::distance(std::filesystem::directory_iterator("/proc/self/task"), std::filesystem::directory_iterator());
  };
  // Asynchronous callers on one completion queue, so that the callers hold no thread either.
  constexpr int kCallers = 100;
  const auto stub = v1::PromptService::NewStub(channel_->channel());
  grpc::CompletionQueue queue;
  std::vector<std::unique_ptr<grpc::ClientContext>> contexts;
  std::vector<v1::LeaseResponse> responses(kCallers);
  std::vector<grpc::Status> statuses(kCallers);
  std::vector<std::unique_ptr<grpc::ClientAsyncResponseReader<v1::LeaseResponse>>> readers;
  const auto before = threads();
  v1::LeaseRequest request;
  request.set_max_groups(1);
  for (int i = 0; i < kCallers; ++i) {
    contexts.push_back(std::make_unique<grpc::ClientContext>());
    contexts.back()->set_deadline(ToSystemChrono(In(60)));
    readers.push_back(stub->AsyncLease(contexts.back().get(), request, &queue));
    readers.back()->Finish(&responses[i], &statuses[i], nullptr);
  }
  while (learner_.prompts.waiting() < kCallers) absl::SleepFor(absl::Milliseconds(5));
  EXPECT_LT(threads() - before, kCallers / 4);
  for (int i = 0; i < kCallers; ++i) learner_.prompts.Give(absl::StrCat("g-", i));
  void* tag = nullptr;
  bool ok = false;
  for (int i = 0; i < kCallers; ++i) ASSERT_TRUE(queue.Next(&tag, &ok));
  for (int i = 0; i < kCallers; ++i) EXPECT_EQ(responses[i].leases_size(), 1) << statuses[i].error_message();
  queue.Shutdown();
  while (queue.Next(&tag, &ok)) {
  }
}

// Holds every heartbeat until the run is over.
class HoldingMembership final : public ParkingMembership {
 public:
  absl::StatusOr<v1::RegisterResponse> Register(const v1::RegisterRequest&) override { return v1::RegisterResponse(); }
  absl::StatusOr<v1::RunStatus> GetStatus() override { return v1::RunStatus(); }
  Ticket Park(const v1::HeartbeatRequest& request, Answer<v1::HeartbeatResponse> answer) override {
    PendingAnswers answers;
    absl::MutexLock lock(&mutex_);
    return held_.Park({request.worker_id(), {}, std::move(answer)}, answers);
  }
  bool Withdraw(Ticket ticket) override {
    absl::MutexLock lock(&mutex_);
    return held_.Take(ticket).has_value();
  }
  size_t held() {
    absl::MutexLock lock(&mutex_);
    return held_.size();
  }
  void SayStop(const std::string& worker_id) {
    PendingAnswers answers;
    absl::MutexLock lock(&mutex_);
    v1::HeartbeatResponse over;
    over.set_stop(true);
    answers.Add<v1::HeartbeatResponse>(std::move(held_.TakeOf(worker_id)->answer), over);
  }

 private:
  absl::Mutex mutex_;
  ParkedCalls<v1::HeartbeatResponse, std::monostate> held_ ABSL_GUARDED_BY(mutex_);
};

TEST(ControlServiceTest, AHeartbeatIsHeldAsLongAsItAllowsAndAnsweredWhenTheRunIsOver) {
  HoldingMembership membership;
  Metrics metrics("learner", "0");
  ControlService service(&membership, metrics);
  const auto server = StartServer("127.0.0.1:0", {&service});
  const auto channel = Connect(server->address().ToString());
  ControlClient control(channel.get(), {});
  v1::HeartbeatRequest heartbeat;
  heartbeat.set_worker_id("w");

  heartbeat.mutable_hold()->set_nanos(300'000'000);
  const absl::Time start = SteadyNow();
  const auto in_vain = control.Heartbeat(heartbeat);
  ASSERT_TRUE(in_vain.ok()) << in_vain.status();
  EXPECT_FALSE(in_vain->stop());
  EXPECT_GE(SteadyNow() - start, absl::Milliseconds(250));
  EXPECT_EQ(membership.held(), 0u);

  heartbeat.mutable_hold()->set_seconds(3600);  // The call's own limit is shorter.
  absl::StatusOr<v1::HeartbeatResponse> response;
  std::thread worker([&] { response = control.Heartbeat(heartbeat); });
  while (membership.held() == 0) absl::SleepFor(absl::Milliseconds(5));
  membership.SayStop("w");
  worker.join();
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_TRUE(response->stop());

  worker = std::thread([&] { response = control.Heartbeat(heartbeat); });
  while (membership.held() == 0) absl::SleepFor(absl::Milliseconds(5));
  channel->Close();
  worker.join();
  EXPECT_EQ(response.status().code(), absl::StatusCode::kCancelled);
  while (membership.held() > 0) absl::SleepFor(absl::Milliseconds(5));
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
    while (log.Count("does not answer") == 0) absl::SleepFor(absl::Milliseconds(5));
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
    while (first->weights.waiting() == 0) absl::SleepFor(absl::Milliseconds(5));
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
  EXPECT_GE(SteadyNow(), deadline);
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
    while (log.Count("does not answer") == 0) absl::SleepFor(absl::Milliseconds(5));
    channel->Close();
  });
  EXPECT_EQ(ControlClient(channel.get(), {}).Register({}).status().code(), absl::StatusCode::kCancelled);
  closer.join();
}

}  // namespace
}  // namespace maspo
