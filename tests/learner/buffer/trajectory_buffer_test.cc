#include "learner/buffer/trajectory_buffer.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <limits>
#include <thread>

#include "learner/prompts/prompt_group.h"
#include "services/base/steady_clock.h"
#include "tests/learner/prompts/lease_fixture.h"

namespace maspo {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

// A buffer on a real lease queue and ledger.
class TrajectoryBufferTest : public LeaseFixture {
 protected:
  void StartBuffer(TrajectoryBuffer::Options options, uint64_t policy_version = 0) {
    book_options_.gate.max_staleness = options.max_staleness;
    book_options_.shuffle = false;
    Start(policy_version);
    buffer_ = std::make_unique<TrajectoryBuffer>(options, policy_version, queue_.get(), &evaluation_);
    ids_ = TakeAll("w1");
  }

  // The result that a worker would hand in for a leased group.
  v1::TrajectoryGroup ResultOf(const std::string& group_id, int64_t version = 0) {
    v1::TrajectoryGroup group = Result("w1", group_id, version);
    group.set_prompt_id(queue_->Find("w1", group_id)->prompt_id());
    return group;
  }
  absl::Status Offer(const std::string& group_id, int64_t version = 0) {
    return buffer_->Offer(ResultOf(group_id, version), absl::InfinitePast());
  }
  void AwaitTaker() {
    while (!buffer_->stats().is_awaited) std::this_thread::yield();
  }
  static std::vector<std::string> IdsOf(const std::vector<v1::TrajectoryGroup>& groups) {
    std::vector<std::string> ids;
    for (const v1::TrajectoryGroup& group : groups) ids.push_back(group.group_id());
    return ids;
  }

  EvaluationCollector evaluation_;
  std::unique_ptr<TrajectoryBuffer> buffer_;
  std::vector<std::string> ids_;
};

TEST_F(TrajectoryBufferTest, AStepIsTheSameWhateverOrderItsGroupsCameIn) {
  StartBuffer({.capacity_groups = 16, .max_staleness = 1});
  for (const int i : {3, 0, 5, 1}) ASSERT_TRUE(Offer(ids_[i]).ok());
  const auto step = buffer_->TakeStep(3, absl::InfinitePast());
  ASSERT_TRUE(step.ok()) << step.status();
  EXPECT_THAT(IdsOf(*step), ElementsAre(ids_[0], ids_[1], ids_[3]));
  EXPECT_EQ(buffer_->stats().waiting, 1);
}

TEST_F(TrajectoryBufferTest, AnIncompleteStepTakesNothing) {
  StartBuffer({.capacity_groups = 16});
  ASSERT_TRUE(Offer(ids_[0]).ok());
  EXPECT_TRUE(absl::IsDeadlineExceeded(buffer_->TakeStep(2, absl::InfinitePast()).status()));
  EXPECT_EQ(buffer_->stats().waiting, 1);
}

TEST_F(TrajectoryBufferTest, TheSameGroupIsAcceptedOnceAlsoAfterItWasTrained) {
  StartBuffer({.capacity_groups = 16});
  const v1::TrajectoryGroup group = ResultOf(ids_[0]);
  ASSERT_TRUE(buffer_->Offer(group, absl::InfinitePast()).ok());
  EXPECT_TRUE(absl::IsAlreadyExists(buffer_->Offer(group, absl::InfinitePast())));
  ASSERT_TRUE(buffer_->TakeStep(1, absl::InfinitePast()).ok());
  EXPECT_TRUE(absl::IsAlreadyExists(buffer_->Offer(group, absl::InfinitePast())));
  ASSERT_TRUE(book_->Trained(1, {ids_[0]}).ok());
  EXPECT_TRUE(absl::IsAlreadyExists(buffer_->Offer(group, absl::InfinitePast())));
  EXPECT_EQ(ledger_->counts().admitted, 1);
  EXPECT_EQ(buffer_->stats().duplicates, 3);
}

TEST_F(TrajectoryBufferTest, RefusesGroupsThatWereNeverIssued) {
  StartBuffer({.capacity_groups = 16});
  v1::TrajectoryGroup group = ResultOf(ids_[0]);
  group.set_group_id("g00000099");
  EXPECT_TRUE(absl::IsNotFound(buffer_->Offer(group, absl::InfinitePast())));
  group.set_group_id(ids_[0]);
  group.set_worker_id("w2");
  EXPECT_TRUE(absl::IsNotFound(buffer_->Offer(group, absl::InfinitePast()))) << "another worker holds it";
  group.set_group_id("");
  EXPECT_TRUE(absl::IsInvalidArgument(buffer_->Offer(group, absl::InfinitePast())));
}

TEST_F(TrajectoryBufferTest, RefusesGroupsOlderThanMaxStalenessAndIssuesThemAgain) {
  StartBuffer({.capacity_groups = 16, .max_staleness = 1}, 2);
  EXPECT_TRUE(absl::IsFailedPrecondition(Offer(ids_[0], 0)));
  EXPECT_TRUE(Offer(ids_[1], 1).ok());
  EXPECT_TRUE(Offer(ids_[2], 2).ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(Offer(ids_[3], 3))) << "a version that was never published";
  EXPECT_EQ(buffer_->stats().refused_too_old, 1);
  EXPECT_THAT(TakeAll("w2"), ElementsAre(ids_[0], ids_[3]));
}

TEST_F(TrajectoryBufferTest, OneOldTokenMakesAGroupOld) {
  StartBuffer({.capacity_groups = 16, .max_staleness = 1}, 2);
  v1::TrajectoryGroup group = ResultOf(ids_[0], 2);
  v1::Trajectory& trajectory = *group.mutable_trajectories(1);
  trajectory.add_token_ids(4);
  trajectory.add_behavior_logprobs(0);
  *trajectory.add_version_runs() = trajectory.version_runs(0);
  trajectory.mutable_version_runs(0)->set_policy_version(0);
  EXPECT_TRUE(absl::IsFailedPrecondition(buffer_->Offer(group, absl::InfinitePast())));
}

TEST_F(TrajectoryBufferTest, GroupsThatGrewTooOldInTheQueueAreIssuedAgain) {
  StartBuffer({.capacity_groups = 16, .max_staleness = 1});
  ASSERT_TRUE(Offer(ids_[0], 0).ok());
  ASSERT_TRUE(Offer(ids_[1], 0).ok());
  buffer_->OnVersion(1);
  ASSERT_TRUE(Offer(ids_[2], 1).ok());
  buffer_->OnVersion(2);
  const auto step = buffer_->TakeStep(1, absl::InfinitePast());
  ASSERT_TRUE(step.ok());
  EXPECT_THAT(IdsOf(*step), ElementsAre(ids_[2]));
  EXPECT_EQ(buffer_->stats().evicted_too_old, 2);
  EXPECT_THAT(Take("w2", 10), testing::IsSupersetOf({ids_[0], ids_[1]}));
  EXPECT_TRUE(ledger_->Balance().ok());
}

TEST_F(TrajectoryBufferTest, TellsHowLongGroupsWaitAndHowOldTheyAreWhenTaken) {
  StartBuffer({.capacity_groups = 16, .max_staleness = 2}, 2);
  EXPECT_EQ(buffer_->stats().oldest_wait, absl::ZeroDuration());
  ASSERT_TRUE(Offer(ids_[0], 1).ok());
  absl::SleepFor(absl::Milliseconds(20));
  ASSERT_TRUE(Offer(ids_[1], 2).ok());
  EXPECT_GE(buffer_->stats().oldest_wait, absl::Milliseconds(20));
  ASSERT_TRUE(buffer_->TakeStep(2, absl::InfinitePast()).ok());
  EXPECT_THAT(buffer_->stats().taken_by_staleness, ElementsAre(testing::Pair(0, 1), testing::Pair(1, 1)));
  EXPECT_EQ(buffer_->stats().oldest_wait, absl::ZeroDuration());
}

TEST_F(TrajectoryBufferTest, AFullBufferPushesBackAtOnce) {
  StartBuffer({.capacity_groups = 2});
  ASSERT_TRUE(Offer(ids_[0]).ok());
  ASSERT_TRUE(Offer(ids_[1]).ok());
  EXPECT_TRUE(absl::IsResourceExhausted(buffer_->Offer(ResultOf(ids_[2]), SteadyNow() + absl::Seconds(60))));
  EXPECT_EQ(ledger_->counts().admitted, 2) << "a group that was not taken stays with its worker";
  ASSERT_TRUE(buffer_->TakeStep(2, absl::InfinitePast()).ok());
  EXPECT_TRUE(Offer(ids_[2]).ok());
}

TEST_F(TrajectoryBufferTest, AWaitingTakeStepWakesWhenItsGroupsAreThere) {
  StartBuffer({.capacity_groups = 16});
  absl::StatusOr<std::vector<v1::TrajectoryGroup>> step;
  std::thread learner([&] { step = buffer_->TakeStep(4, SteadyNow() + absl::Seconds(60)); });
  AwaitTaker();
  for (const std::string& id : ids_) ASSERT_TRUE(Offer(id).ok());
  learner.join();
  ASSERT_TRUE(step.ok());
  EXPECT_EQ(IdsOf(*step), ids_);
}

TEST_F(TrajectoryBufferTest, CloseWakesTheLearner) {
  StartBuffer({.capacity_groups = 8});
  ASSERT_TRUE(Offer(ids_[0]).ok());
  absl::StatusOr<std::vector<v1::TrajectoryGroup>> taken;
  std::thread learner([&] { taken = buffer_->TakeStep(5, SteadyNow() + absl::Seconds(60)); });
  AwaitTaker();
  buffer_->Close();
  learner.join();
  EXPECT_TRUE(absl::IsUnavailable(taken.status()));
  EXPECT_TRUE(absl::IsUnavailable(Offer(ids_[3])));
}

TEST_F(TrajectoryBufferTest, EvaluationGroupsGoToTheCollectorEvenWhenTheBufferIsFull) {
  StartBuffer({.capacity_groups = 1});
  ASSERT_TRUE(Offer(ids_[0]).ok());
  std::vector<v1::PromptGroup> groups = MakeEvaluationGroups(Dataset(2), 0, kGroupSize, book_options_.sampling);
  evaluation_.Expect({groups[0].group_id(), groups[1].group_id()});
  queue_->EnqueueEvaluation(groups);
  const std::vector<std::string> leased = TakeAll("w1");
  ASSERT_THAT(leased, SizeIs(2));
  ASSERT_TRUE(Offer(leased[1]).ok());
  EXPECT_TRUE(absl::IsDeadlineExceeded(evaluation_.Wait(absl::InfinitePast()).status()));
  ASSERT_TRUE(Offer(leased[0]).ok());
  const auto results = evaluation_.Wait(absl::InfinitePast());
  ASSERT_TRUE(results.ok());
  EXPECT_EQ(IdsOf(*results), leased);
  EXPECT_EQ(buffer_->stats().waiting, 1);
}

// Every way in which a result can be malformed, and what the refusal must name.
TEST_F(TrajectoryBufferTest, RefusesMalformedResultsByNameAndKeepsTheLease) {
  StartBuffer({.capacity_groups = 16, .vocab_size = 100});
  const uint64_t written = ledger_->offset();
  using Group = v1::TrajectoryGroup;
  const float infinity = std::numeric_limits<float>::infinity();
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<std::pair<std::string, std::function<void(Group&)>>> faults = {
      {"prompt", [](Group& g) { g.set_prompt_id("p4"); }},
      {"prompt", [](Group& g) { g.add_prompt_token_ids(9); }},
      {"purpose", [](Group& g) { g.set_purpose(v1::PURPOSE_EVAL); }},
      {"no trajectory", [](Group& g) { g.clear_trajectories(); }},
      {"sample 2", [](Group& g) { g.mutable_trajectories(1)->set_sample_index(2); }},
      {"sample 0 follows sample 0", [](Group& g) { g.mutable_trajectories(1)->set_sample_index(0); }},
      {"sample 1 has 1 tokens, but 2 behaviour",
       [](Group& g) { g.mutable_trajectories(1)->add_behavior_logprobs(-1); }},
      {"sample 0 has 1 tokens, but 2 policy",
       [](Group& g) {
         for (int i = 0; i < 2; ++i) g.mutable_trajectories(0)->add_policy_logprobs(-1);
       }},
      {"version runs of 3", [](Group& g) { g.mutable_trajectories(0)->mutable_version_runs(0)->set_num_tokens(3); }},
      {"negative policy version",
       [](Group& g) { g.mutable_trajectories(0)->mutable_version_runs(0)->set_policy_version(-1); }},
      {"log-probability is nan", [=](Group& g) { g.mutable_trajectories(0)->set_behavior_logprobs(0, nan); }},
      {"log-probability is -inf", [=](Group& g) { g.mutable_trajectories(0)->set_behavior_logprobs(0, -infinity); }},
      {"log-probability is 0.5", [](Group& g) { g.mutable_trajectories(0)->set_behavior_logprobs(0, 0.5); }},
      {"reward is inf", [=](Group& g) { g.mutable_trajectories(0)->set_reward(infinity); }},
      {"VERDICT_TIMEOUT", [](Group& g) { g.mutable_trajectories(0)->set_verdict(v1::VERDICT_TIMEOUT); }},
      {"sample 0 has no token",
       [](Group& g) {
         g.mutable_trajectories(0)->clear_token_ids();
         g.mutable_trajectories(0)->clear_behavior_logprobs();
         g.mutable_trajectories(0)->clear_version_runs();
       }},
      {"sample 1 has token 100, which is not in the vocabulary",
       [](Group& g) { g.mutable_trajectories(1)->set_token_ids(0, 100); }},
      {"token 4294967295", [](Group& g) { g.mutable_trajectories(1)->set_token_ids(0, 4294967295u); }},
      {"has 5 tokens, more than the 4 that were asked for",
       [](Group& g) {
         v1::Trajectory& trajectory = *g.mutable_trajectories(0);
         for (int i = 0; i < 4; ++i) {
           trajectory.add_token_ids(3);
           trajectory.add_behavior_logprobs(-0.5);
         }
         trajectory.mutable_version_runs(0)->set_num_tokens(5);
       }},
      {"times", [=](Group& g) { g.set_generate_seconds(infinity); }},
      {"times", [=](Group& g) { g.set_prefill_seconds(nan); }},
      {"times", [](Group& g) { g.set_verify_seconds(-1); }},
      {"VERDICT_UNSPECIFIED", [](Group& g) { g.mutable_trajectories(0)->clear_verdict(); }},
  };
  for (const auto& [named, fault] : faults) {
    Group group = ResultOf(ids_[0]);
    fault(group);
    const absl::Status status = buffer_->Offer(group, absl::InfinitePast());
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << named << ": " << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(named));
  }
  EXPECT_EQ(queue_->stats().leased, 4);
  EXPECT_EQ(ledger_->offset(), written) << "they leave no trace";
  EXPECT_TRUE(Offer(ids_[0]).ok());
}

TEST_F(TrajectoryBufferTest, AGroupMayHaveLostSamples) {
  StartBuffer({.capacity_groups = 16});
  v1::TrajectoryGroup group = ResultOf(ids_[0]);
  group.mutable_trajectories()->RemoveLast();
  EXPECT_TRUE(buffer_->Offer(group, absl::InfinitePast()).ok());
}

}  // namespace
}  // namespace maspo
