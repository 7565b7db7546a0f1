// A whole worker between fakes of its hops, with a tiny model whose weights come by broadcast.
#include "rollout_worker/rollout/rollout_worker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "services/base/steady_clock.h"
#include "tests/model/tiny_model.h"
#include "tests/rollout_worker/rollout/fake_broadcaster.h"
#include "tests/support/captured_log.h"
#include "tests/support/fake_answer_scorer.h"
#include "tests/support/fake_membership.h"
#include "tests/support/fake_prompt_source.h"
#include "tests/support/fake_trajectory_sink.h"

namespace maspo {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

class RolloutWorkerTest : public ::testing::Test {
 protected:
  RolloutWorkerTest() {
    options_.session.registration.set_worker_name("w");
    options_.engine = {.max_running_sequences = 8, .kv_block_tokens = 4, .kv_cache_tokens = 512};
    options_.groups_in_flight = 4;
    options_.scoring_concurrency = 2;
  }
  ~RolloutWorkerTest() override {
    if (worker_) worker_->Stop();
    if (thread_.joinable()) thread_.join();
  }

  void Start() {
    worker_.emplace(options_,
                    RolloutWorker::Hops{.membership = &membership_,
                                        .prompts = &prompts_,
                                        .weights = &weights_,
                                        .scorer = &scorer_,
                                        .trajectories = &trajectories_,
                                        .close = [this] { Close(); }},
                    TinyConfig(), tokenizer_.get(), &problems_, metrics_);
    thread_ = std::thread([this] {
      result_ = worker_->Run();
      has_returned_ = true;
    });
  }
  // What closed channels do.
  void Close() {
    ++closings_;
    prompts_.Answer(absl::CancelledError("closed"));
    weights_.Answer(absl::CancelledError("closed"));
    closed_.RequestStop();
  }
  static void WaitUntil(const std::function<bool()>& done, absl::Duration limit = absl::Seconds(30)) {
    const absl::Time deadline = SteadyNow() + limit;
    while (!done() && SteadyNow() < deadline) absl::SleepFor(absl::Milliseconds(2));
    ASSERT_TRUE(done());
  }
  // Within a second, as processes promise, and a margin for a loaded machine.
  absl::Status Result() {
    const absl::Time start = SteadyNow();
    WaitUntil([this] { return has_returned_.load(); });
    EXPECT_LT(SteadyNow() - start, absl::Seconds(3));
    thread_.join();
    return result_;
  }
  void Give(const std::string& id, uint32_t samples = 2, float temperature = 1) {
    v1::Lease lease;
    v1::PromptGroup& group = *lease.mutable_group();
    group.set_group_id(id);
    group.set_prompt_id("p-" + id);
    group.set_purpose(v1::PURPOSE_TRAIN);
    group.set_num_samples(samples);
    for (uint32_t token : {3u, 1u, 4u}) group.add_prompt_token_ids(token);
    group.mutable_sampling()->set_temperature(temperature);
    group.mutable_sampling()->set_top_p(1);
    group.mutable_sampling()->set_max_new_tokens(6);
    lease.set_min_policy_version(0);
    prompts_.Give(lease);
  }
  std::shared_ptr<ParameterSet> Weights() { return RandomParameters(TinyConfig()); }
  std::set<std::string> Arrived() const {
    std::set<std::string> ids;
    for (const v1::TrajectoryGroup& group : trajectories_.groups()) ids.insert(group.group_id());
    return ids;
  }

  const std::unique_ptr<Tokenizer> tokenizer_ =
      *Tokenizer::Load(std::string(std::getenv("MASPO_SOURCE_DIR")) + "/examples/quickstart/base");
  RolloutWorker::Options options_;
  FakeMembership membership_;
  FakePromptSource prompts_;
  FakeBroadcaster weights_;
  FakeAnswerScorer scorer_;
  FakeTrajectorySink trajectories_;
  Problems problems_;
  Metrics metrics_{"rollout-worker", "w"};
  StopSignal closed_;
  std::atomic<int> closings_{0};
  std::atomic<bool> has_returned_{false};
  std::optional<RolloutWorker> worker_;
  absl::Status result_;
  std::thread thread_;
};

TEST_F(RolloutWorkerTest, LeasedPromptsBecomeScoredGroups) {
  weights_.Publish(Weights(), 0);
  Start();
  for (int i = 0; i < 6; ++i) Give(absl::StrCat("g", i));
  ASSERT_TRUE(trajectories_.AwaitGroups(6, absl::Seconds(30)));
  const v1::TrajectoryGroup group = trajectories_.groups()[0];
  EXPECT_EQ(group.worker_id(), "worker-1");
  ASSERT_THAT(group.trajectories(), SizeIs(2));
  EXPECT_EQ(group.trajectories(0).version_runs(0).policy_version(), 0);
  membership_.SayStop();
  EXPECT_TRUE(Result().ok());
  EXPECT_EQ(closings_, 1);
}

TEST_F(RolloutWorkerTest, AWorkerThatIsToldThatTheRunIsOverEndsAtOnceWhateverItWaitsFor) {
  options_.poll = absl::Minutes(5);
  // The rewards are away for good, and asked for again until the hops are closed.
  scorer_.Use([this](const auto&, absl::Time deadline) -> absl::StatusOr<std::vector<v1::VerifiedAnswer>> {
    closed_.WaitUntil(deadline);
    return absl::CancelledError("closed");
  });
  weights_.Publish(Weights(), 0);
  Start();
  Give("g0");
  WaitUntil([&] { return !scorer_.batch_sizes().empty(); });
  WaitUntil([&] { return prompts_.waiting() > 0; });
  membership_.SayStop();
  EXPECT_TRUE(Result().ok());
  EXPECT_THAT(prompts_.returned(), SizeIs(0));
}

TEST_F(RolloutWorkerTest, AWorkerThatIsStoppedSaysThatItLeaves) {
  Start();
  WaitUntil([&] { return !membership_.heartbeats().empty(); });
  worker_->Stop();
  EXPECT_EQ(Result().code(), absl::StatusCode::kCancelled);
  int farewells = 0;
  for (const v1::HeartbeatRequest& heartbeat : membership_.heartbeats()) farewells += heartbeat.leaving();
  EXPECT_EQ(farewells, 1);
}

TEST_F(RolloutWorkerTest, AWorkerCanBeStoppedBeforeALearnerIsThere) {
  membership_.Answer(absl::UnavailableError("nobody there"));
  Start();
  EXPECT_EQ(Result().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(closings_, 1);
}

TEST_F(RolloutWorkerTest, NoErrorOfACallEndsAWorkerButThoseThatNoRetryMends) {
  CapturedLog log;
  Start();
  for (const absl::Status& error : {absl::CancelledError("?"), absl::UnavailableError("?"), absl::InternalError("?")}) {
    prompts_.Answer(error);
    weights_.Answer(error);
    absl::SleepFor(absl::Milliseconds(50));
    EXPECT_FALSE(has_returned_);
  }
  prompts_.Answer(absl::OkStatus());
  weights_.Answer(absl::OkStatus());
  weights_.Publish(Weights(), 0);
  Give("g0");
  EXPECT_TRUE(trajectories_.AwaitGroups(1, absl::Seconds(30)));
  prompts_.Answer(absl::InvalidArgumentError("max_groups must be at least 1"));
  EXPECT_EQ(Result().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(RolloutWorkerTest, AfterAnotherRegistrationItWaitsForItsWeightsAndDropsWhatOthersHave) {
  CapturedLog log;
  weights_.Publish(Weights(), 3);
  Start();
  Give("g0");
  ASSERT_TRUE(trajectories_.AwaitGroups(1, absl::Seconds(30)));
  v1::Lease later;
  later.mutable_group()->set_group_id("held");
  later.set_min_policy_version(9);  // So it waits.
  prompts_.Give(later);
  const auto holds = [&](const std::string& worker, const std::string& id) {
    const v1::HeartbeatRequest last = membership_.heartbeats().back();
    return last.worker_id() == worker && std::count(last.held_group_ids().begin(), last.held_group_ids().end(), id) > 0;
  };
  WaitUntil([&] { return holds("worker-1", "held"); });
  weights_.Publish(Weights(), 1);  // The learner that comes back is at an earlier version.
  membership_.Forget();
  WaitUntil([&] { return membership_.heartbeats().back().worker_id() != "worker-1"; });
  // To parked calls; one of the new registration takes it for its own, and makes another.
  for (const absl::Status& answer : {absl::NotFoundError("register again"), absl::OkStatus()}) {
    prompts_.Answer(answer);
    weights_.Answer(answer);
  }
  Give("g1");
  ASSERT_TRUE(trajectories_.AwaitGroups(2, absl::Seconds(30)));
  const v1::TrajectoryGroup group = trajectories_.groups()[1];
  EXPECT_NE(group.worker_id(), "worker-1");
  EXPECT_EQ(group.trajectories(0).version_runs(0).policy_version(), 1);
  WaitUntil([&] { return membership_.heartbeats().back().worker_id() == group.worker_id(); });
  EXPECT_FALSE(holds(group.worker_id(), "held"));
}

// Acquire() of the old registration returns when the new one is there.
TEST_F(RolloutWorkerTest, LeasesOfAnOldRegistrationAreNotWorkedOnUnderTheNewOne) {
  CapturedLog log;
  options_.groups_in_flight = 1;
  weights_.Publish(Weights(), 0);
  Start();
  WaitUntil([&] { return prompts_.waiting() > 0; });  // As worker-1.
  membership_.Forget();
  WaitUntil([&] { return membership_.heartbeats().back().worker_id() == "worker-2"; });
  Give("old");
  Give("new");  // For worker-2, when there is room, because the old one is forgotten.
  ASSERT_TRUE(trajectories_.AwaitGroups(1, absl::Seconds(30)));
  EXPECT_EQ(Arrived(), std::set<std::string>{"new"});
  for (const v1::HeartbeatRequest& heartbeat : membership_.heartbeats()) {
    if (heartbeat.worker_id() != "worker-2") continue;
    for (const std::string& id : heartbeat.held_group_ids()) EXPECT_EQ(id, "new");
  }
}

TEST_F(RolloutWorkerTest, ASlowScorerDoesNotStopTheDecoding) {
  StopSignal judge;
  scorer_.Use([&judge](const auto& items, absl::Time deadline) {
    judge.WaitUntil(deadline);
    return FakeAnswerScorer::CompareTexts(items);
  });
  weights_.Publish(Weights(), 0);
  Start();
  const int all_that_are_held = 2 * options_.scoring_concurrency + options_.groups_in_flight - 1;
  for (int i = 0; i < 3 * all_that_are_held; ++i) Give(absl::StrCat("g", i));
  // While two are being judged, and never are, others are generated until there is enough for the judge to do.
  WaitUntil([&] {
    const std::vector<v1::HeartbeatRequest> heartbeats = membership_.heartbeats();
    return !heartbeats.empty() && heartbeats.back().status().phase() == "waiting for rewards";
  });
  EXPECT_GE(membership_.heartbeats().back().held_group_ids_size(), 2 * options_.scoring_concurrency);
  EXPECT_LE(membership_.heartbeats().back().held_group_ids_size(), all_that_are_held);
  judge.RequestStop();
  EXPECT_TRUE(trajectories_.AwaitGroups(3 * all_that_are_held, absl::Seconds(60)));
}

TEST_F(RolloutWorkerTest, AGroupThatNoWorkerCanRunIsGivenBackAsImpossible) {
  CapturedLog log;
  weights_.Publish(Weights(), 0);
  Start();
  Give("hot", 2, 5000);
  v1::Lease lease;
  lease.mutable_group()->set_group_id("stop");
  lease.mutable_group()->set_num_samples(1);
  lease.mutable_group()->add_prompt_token_ids(1);
  lease.mutable_group()->mutable_sampling()->set_top_p(1);
  lease.mutable_group()->mutable_sampling()->set_max_new_tokens(1);
  lease.mutable_group()->mutable_sampling()->add_stop_token_ids(99999);
  prompts_.Give(lease);
  WaitUntil([&] { return prompts_.returned().size() == 2; });
  EXPECT_TRUE(prompts_.returned()[0].impossible());
  EXPECT_EQ(prompts_.returned()[0].reason(), "refused");
  EXPECT_THAT(prompts_.returned()[0].message(), HasSubstr("temperature 5000"));
  EXPECT_TRUE(prompts_.returned()[1].impossible());
  EXPECT_THAT(prompts_.returned()[1].message(),
              testing::AllOf(HasSubstr("stop token id 99999"), HasSubstr("is outside the model's vocabulary")));
  EXPECT_THAT(problems_.Latest(SteadyNow()), HasSubstr("stop token id 99999"));
}

TEST_F(RolloutWorkerTest, AGroupThatOnlyThisWorkersCacheIsTooSmallForIsItsOwnError) {
  CapturedLog log;
  options_.engine.kv_cache_tokens = 4;
  weights_.Publish(Weights(), 0);
  Start();
  Give("g0");
  const absl::Status status = Result();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("KV cache of 4 tokens"));
  EXPECT_THAT(prompts_.returned(), SizeIs(0));
  EXPECT_THAT(membership_.heartbeats().back().status().problem(), HasSubstr("KV cache of 4 tokens"));
}

TEST_F(RolloutWorkerTest, WeightsThatAreNotFiniteAreSaidAndNeverSubmitted) {
  CapturedLog log;
  auto weights = Weights();
  weights->buckets().back().values.fill_(std::numeric_limits<float>::quiet_NaN());
  weights_.Publish(weights, 0);
  Start();
  Give("g0");
  WaitUntil([&] { return !prompts_.returned().empty(); });
  EXPECT_TRUE(prompts_.returned()[0].impossible());
  EXPECT_EQ(prompts_.returned()[0].reason(), "not_finite");
  EXPECT_THAT(prompts_.returned()[0].message(), HasSubstr("policy version 0"));
  EXPECT_TRUE(scorer_.batch_sizes().empty());
  EXPECT_TRUE(trajectories_.groups().empty());
}

}  // namespace
}  // namespace maspo
