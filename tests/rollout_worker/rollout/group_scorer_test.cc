#include "rollout_worker/rollout/group_scorer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "services/base/steady_clock.h"
#include "tests/support/fake_answer_scorer.h"
#include "tests/support/fake_prompt_source.h"
#include "tests/support/fake_trajectory_sink.h"

namespace maspo {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

// Groups whose responses say "0", "1", ... where "1" is right.
class GroupScorerTest : public ::testing::Test {
 protected:
  GeneratedGroup Group(uint32_t samples, v1::Purpose purpose = v1::PURPOSE_TRAIN) {
    GeneratedGroup group;
    group.worker_id = "w";
    group.prompt.set_group_id("g");
    group.prompt.set_prompt_id("p");
    group.prompt.set_purpose(purpose);
    group.prompt.set_num_samples(samples);
    group.prompt.set_gold_answer("1");
    group.prompt.add_prompt_token_ids(4);
    for (uint32_t i = 0; i < samples; ++i) {
      GeneratedResponse& response = group.responses.emplace_back();
      response.sample_index = i;
      response.token_ids = *tokenizer_->Encode(absl::StrCat(i), false);
      response.logprobs.assign(response.token_ids.size(), -0.5f);
      v1::PolicyVersionRun run;
      run.set_policy_version(3);
      run.set_num_tokens(static_cast<uint32_t>(response.token_ids.size()));
      response.version_runs = {run};
      response.finish_reason = v1::FINISH_REASON_STOP;
    }
    return group;
  }
  // The verifier fails `times` times on these samples, then works.
  void FailOn(std::vector<std::string> ids, int times) {
    scorer_.Use([this, ids = std::move(ids), times](const std::vector<v1::VerifyItem>& items, absl::Time) mutable {
      auto answers = FakeAnswerScorer::CompareTexts(items);
      const bool fails = static_cast<int>(scorer_.batch_sizes().size()) <= times;
      for (v1::VerifiedAnswer& answer : answers) {
        if (fails && std::find(ids.begin(), ids.end(), answer.id()) != ids.end()) {
          answer.set_verdict(v1::VERDICT_CRASHED);
          answer.clear_reward();
          answer.set_detail("the scorer answers with HTTP status 500");
        }
      }
      return answers;
    });
  }

  const std::unique_ptr<Tokenizer> tokenizer_ =
      *Tokenizer::Load(std::string(std::getenv("MASPO_SOURCE_DIR")) + "/examples/quickstart/base");
  FakeAnswerScorer scorer_;
  FakeTrajectorySink sink_;
  FakePromptSource prompts_;
  Problems problems_;
  GroupScorer group_scorer_{{}, tokenizer_.get(), &scorer_, &sink_, &prompts_, &problems_};
};

TEST_F(GroupScorerTest, EveryResponseBecomesATrajectoryWithItsVerdict) {
  ASSERT_TRUE(group_scorer_.ScoreAndSubmit(Group(3)).ok());
  ASSERT_THAT(sink_.groups(), SizeIs(1));
  const v1::TrajectoryGroup group = sink_.groups()[0];
  EXPECT_EQ(group.group_id(), "g");
  EXPECT_EQ(group.worker_id(), "w");
  EXPECT_THAT(group.prompt_token_ids(), ElementsAre(4));
  ASSERT_THAT(group.trajectories(), SizeIs(3));
  for (const v1::Trajectory& trajectory : group.trajectories()) {
    const bool correct = trajectory.sample_index() == 1;
    EXPECT_EQ(trajectory.verdict(), correct ? v1::VERDICT_CORRECT : v1::VERDICT_WRONG);
    EXPECT_EQ(trajectory.reward(), correct ? 1 : -1);
    EXPECT_EQ(trajectory.answer(), absl::StrCat(trajectory.sample_index()));
    EXPECT_EQ(trajectory.token_ids_size(), trajectory.behavior_logprobs_size());
    EXPECT_EQ(trajectory.version_runs(0).policy_version(), 3);
  }
}

TEST_F(GroupScorerTest, AFailedVerdictIsAskedAgainAloneAndNeverTrainedAsWrong) {
  FailOn({"g/1", "g/2"}, 1);
  ASSERT_TRUE(group_scorer_.ScoreAndSubmit(Group(4)).ok());
  EXPECT_THAT(scorer_.batch_sizes(), ElementsAre(4, 2));
  ASSERT_THAT(sink_.groups()[0].trajectories(), SizeIs(4));
  EXPECT_EQ(sink_.groups()[0].trajectories(1).verdict(), v1::VERDICT_CORRECT);
}

TEST_F(GroupScorerTest, ASampleThatStaysWithoutAVerdictLeavesTheGroup) {
  FailOn({"g/1"}, 99);
  ASSERT_TRUE(group_scorer_.ScoreAndSubmit(Group(3)).ok());
  EXPECT_THAT(scorer_.batch_sizes(), ElementsAre(3, 1, 1));
  ASSERT_THAT(sink_.groups()[0].trajectories(), SizeIs(2));
  EXPECT_EQ(sink_.groups()[0].trajectories(0).sample_index(), 0u);
  EXPECT_EQ(sink_.groups()[0].trajectories(1).sample_index(), 2u);
}

// Whoever judges a source may hang for longer than the run is patient, and no call has failed by then.
TEST_F(GroupScorerTest, RewardsThatDoNotComeAreAProblemWhileTheyAreAwaited) {
  scorer_.Use([this](const auto& items, absl::Time) {
    EXPECT_THAT(problems_.Latest(SteadyNow() + absl::Minutes(10)),
                HasSubstr("rewards of source math have been awaited for 10m"));
    return FakeAnswerScorer::CompareTexts(items);
  });
  GeneratedGroup group = Group(3);
  group.prompt.set_source("math");
  ASSERT_TRUE(group_scorer_.ScoreAndSubmit(std::move(group)).ok());
  EXPECT_EQ(problems_.Latest(SteadyNow() + absl::Minutes(10)), "");
}

TEST_F(GroupScorerTest, AGroupWithTooFewVerdictsGoesBack) {
  FailOn({"g/0", "g/1"}, 99);
  EXPECT_TRUE(absl::IsUnavailable(group_scorer_.ScoreAndSubmit(Group(3))));
  EXPECT_THAT(sink_.groups(), SizeIs(0));
  ASSERT_THAT(prompts_.returned(), SizeIs(1));
  EXPECT_EQ(prompts_.returned()[0].group_id(), "g");
  EXPECT_EQ(prompts_.returned()[0].reason(), "unscorable");
  EXPECT_THAT(prompts_.returned()[0].message(), HasSubstr("only 1 of 3 responses"));
}

TEST_F(GroupScorerTest, AGroupOfOneNeedsOneVerdict) {
  EXPECT_TRUE(group_scorer_.ScoreAndSubmit(Group(1)).ok());
  EXPECT_THAT(sink_.groups()[0].trajectories(), SizeIs(1));
  FailOn({"g/0"}, 99);
  EXPECT_TRUE(absl::IsUnavailable(group_scorer_.ScoreAndSubmit(Group(1))));
}

TEST_F(GroupScorerTest, OneVerdictIsEnoughForEvaluation) {
  FailOn({"g/0"}, 99);
  EXPECT_TRUE(group_scorer_.ScoreAndSubmit(Group(2, v1::PURPOSE_EVAL)).ok());
  EXPECT_THAT(sink_.groups()[0].trajectories(), SizeIs(1));
}

TEST_F(GroupScorerTest, AnUnreachableRewardServerGivesTheGroupBack) {
  scorer_.Answer(absl::UnavailableError("no reward server answers"));
  EXPECT_TRUE(absl::IsUnavailable(group_scorer_.ScoreAndSubmit(Group(2))));
  EXPECT_THAT(prompts_.returned(), SizeIs(1));
}

TEST_F(GroupScorerTest, AGroupThatTheLearnerHasOrNoLongerWantsIsSettled) {
  for (const absl::Status& answer :
       {absl::AlreadyExistsError(""), absl::FailedPreconditionError("too old"), absl::NotFoundError("unknown group")}) {
    sink_.RefuseNext(answer);
    EXPECT_TRUE(group_scorer_.ScoreAndSubmit(Group(2)).ok()) << answer;
  }
  EXPECT_THAT(prompts_.returned(), SizeIs(0));
  EXPECT_EQ(problems_.Latest(SteadyNow()), "");
}

TEST_F(GroupScorerTest, AGroupThatTheLearnerDoesNotTakeGoesBackAtOnceWithTheReason) {
  for (const absl::Status& answer :
       {absl::InvalidArgumentError("group g: lengths disagree"), absl::UnavailableError("ledger.jsonl: disk full"),
        absl::ResourceExhaustedError("no room")}) {
    sink_.RefuseNext(answer);
    EXPECT_EQ(group_scorer_.ScoreAndSubmit(Group(2)), answer);
    EXPECT_EQ(prompts_.returned().back().group_id(), "g");
    EXPECT_EQ(prompts_.returned().back().reason(), "undelivered");
    EXPECT_EQ(prompts_.returned().back().message(), answer.message());
    EXPECT_EQ(problems_.Latest(SteadyNow()), answer.message());
  }
  EXPECT_TRUE(group_scorer_.ScoreAndSubmit(Group(2)).ok());
  EXPECT_EQ(problems_.Latest(SteadyNow()), "");
}

TEST_F(GroupScorerTest, AWorkerThatIsClosingGivesNothingBack) {
  sink_.RefuseNext(absl::CancelledError("the connection was closed"));
  EXPECT_TRUE(absl::IsCancelled(group_scorer_.ScoreAndSubmit(Group(2))));
  EXPECT_THAT(prompts_.returned(), SizeIs(0));
}

TEST_F(GroupScorerTest, WhatKeepsGroupsFromBeingJudgedIsAProblemUntilOneIsJudged) {
  FailOn({"g/0", "g/1"}, 99);
  EXPECT_FALSE(group_scorer_.ScoreAndSubmit(Group(2)).ok());
  EXPECT_EQ(problems_.Latest(SteadyNow()),
            "response g/0 could not be judged (crashed): the scorer answers with HTTP status 500");
  EXPECT_THAT(prompts_.returned()[0].message(), HasSubstr("HTTP status 500"));
  scorer_.Answer(absl::UnavailableError("the reward server at 127.0.0.1:1 does not answer"));
  EXPECT_FALSE(group_scorer_.ScoreAndSubmit(Group(2)).ok());
  EXPECT_THAT(problems_.Latest(SteadyNow()), HasSubstr("does not answer"));
  scorer_.Use([](const auto& items, absl::Time) { return FakeAnswerScorer::CompareTexts(items); });
  EXPECT_TRUE(group_scorer_.ScoreAndSubmit(Group(2)).ok());
  EXPECT_EQ(problems_.Latest(SteadyNow()), "");
}

}  // namespace
}  // namespace maspo
