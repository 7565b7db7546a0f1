#include "learner/prompts/prompt_leaser.h"

#include <gmock/gmock.h>

#include "learner/prompts/prompt_group.h"
#include "tests/learner/prompts/leaser_fixture.h"

namespace maspo {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class PromptLeaserTest : public LeaserFixture {};

TEST_F(PromptLeaserTest, GivesEveryLeaseWhatAWorkerNeeds) {
  options_.shuffle = false;
  options_.sampling.set_temperature(0.5);
  Start();
  const std::vector<v1::Lease> leases = Leases("w1", 1);
  ASSERT_EQ(leases.size(), 1);
  EXPECT_EQ(leases[0].attempt(), 1);
  EXPECT_EQ(leases[0].ttl().seconds(), 6);
  EXPECT_EQ(leases[0].min_policy_version(), 0);
  const v1::PromptGroup& group = leases[0].group();
  EXPECT_EQ(group.group_id(), "g00000000");
  EXPECT_EQ(group.prompt_id(), "p0");
  EXPECT_EQ(group.purpose(), v1::PURPOSE_TRAIN);
  EXPECT_EQ(group.num_samples(), kGroupSize);
  EXPECT_THAT(group.prompt_token_ids(), ElementsAre(1, 2));
  EXPECT_EQ(group.problem(), "q");
  EXPECT_EQ(group.gold_answer(), "1");
  EXPECT_EQ(group.source(), "train");
  EXPECT_EQ(group.sampling().temperature(), 0.5f);
}

TEST_F(PromptLeaserTest, SharesAStepBetweenTheWorkers) {
  Start();
  EXPECT_THAT(Take("w1", 100), SizeIs(2));
  EXPECT_THAT(Take("w2", 100), SizeIs(2));
  EXPECT_THAT(Take("w1", 100), IsEmpty());
}

TEST_F(PromptLeaserTest, AdmitsOneStepPerVersionAndNoMoreThanTheRun) {
  Start();
  EXPECT_THAT(TakeAll("w1"), SizeIs(4));
  leaser_->OnVersion(1);
  const std::vector<v1::Lease> second = Leases("w1", 1);
  ASSERT_EQ(second.size(), 1);
  EXPECT_EQ(second[0].group().group_id(), "g00000004");
  EXPECT_EQ(second[0].min_policy_version(), 1);
  EXPECT_THAT(TakeAll("w1"), SizeIs(3));
  leaser_->OnVersion(2);
  EXPECT_THAT(TakeAll("w1"), SizeIs(4));
  leaser_->OnVersion(3);
  EXPECT_THAT(TakeAll("w1"), IsEmpty()) << "three steps of four groups are all there is";
  EXPECT_EQ(ledger_->counts().issued, 12);
}

TEST_F(PromptLeaserTest, ALeaseAsksForTheCurrentVersionWhateverTheStaleness) {
  options_.gate.max_staleness = 1;
  Start(2);
  const std::vector<v1::Lease> leases = Leases("w1", 1);
  ASSERT_EQ(leases.size(), 1);
  EXPECT_EQ(leases[0].min_policy_version(), 2);
}

TEST_F(PromptLeaserTest, SecondPassVisitsEveryProblemAgain) {
  options_.gate.max_staleness = 10;
  Start();
  std::map<std::string, int> visits;
  for (const std::string& id : TakeAll("w1")) {
    const auto group = leaser_->Find("w1", id);
    ASSERT_TRUE(group.ok());
    visits[group->prompt_id()] += 1;
    EXPECT_EQ(group->visit(), id < "g00000005" ? 0 : id < "g00000010" ? 1 : 2);
  }
  EXPECT_THAT(visits, SizeIs(5));
}

TEST_F(PromptLeaserTest, ExpiredLeasesGoOutAgainUnderTheirIdBeforeNewPrompts) {
  Start();
  const std::vector<std::string> first = Take("w1", 2);
  now_ += absl::Seconds(5);
  leaser_->RenewLeases("w1", {first[1]}, now_);
  leaser_->ExpireLeases(now_ + absl::Seconds(1));
  const std::vector<v1::Lease> again = Leases("w2", 1);
  ASSERT_EQ(again.size(), 1);
  EXPECT_EQ(again[0].group().group_id(), first[0]) << "only the lease that the heartbeat named lives on";
  EXPECT_EQ(again[0].attempt(), 2);
  EXPECT_EQ(ledger_->counts().reissued, 1);
  leaser_->ExpireLeases(now_ + absl::Seconds(7));
  EXPECT_EQ(leaser_->stats().leased, 0);
  EXPECT_EQ(leaser_->stats().returned, 2);
}

TEST_F(PromptLeaserTest, EndOfAWorkerFreesItsLeasesAtOnce) {
  Start();
  const std::vector<std::string> held = Take("w1", 2);
  leaser_->EndWorker("w1");
  EXPECT_TRUE(absl::IsNotFound(leaser_->Acquire("w1", 1, absl::InfinitePast()).status()));
  const std::vector<std::string> others = TakeAll("w2");
  EXPECT_THAT(others, SizeIs(4));
  EXPECT_EQ(std::vector<std::string>(others.begin(), others.begin() + 2), held);
}

TEST_F(PromptLeaserTest, AGroupThatFailsTooOftenIsDroppedAndReplaced) {
  Start();
  const std::string poison = Take("w1", 1)[0];
  for (int attempt = 1; attempt <= 3; ++attempt) {
    EXPECT_TRUE(leaser_->Release("w1", poison, "unscorable", "no verdict").ok());
    EXPECT_TRUE(absl::IsNotFound(leaser_->Release("w1", poison, "unscorable", "")));
    if (attempt < 3) {
      EXPECT_THAT(Take("w1", 1), ElementsAre(poison));
    }
  }
  EXPECT_EQ(ledger_->counts().dropped_by_reason.at("unscorable"), 1);
  EXPECT_THAT(TakeAll("w1"), SizeIs(4)) << "the step still has four groups";
  EXPECT_TRUE(absl::IsFailedPrecondition(leaser_->Accept(Result("w1", poison))));
  EXPECT_TRUE(ledger_->Balance().ok());
}

TEST_F(PromptLeaserTest, ALateResultOfAnEarlierHolderIsTakenOnce) {
  Start();
  const std::string id = Take("w1", 1)[0];
  leaser_->ExpireLeases(now_ + absl::Seconds(7));
  EXPECT_THAT(Take("w2", 1), ElementsAre(id));
  EXPECT_TRUE(absl::IsNotFound(leaser_->Accept(Result("stranger", id))));
  EXPECT_TRUE(leaser_->Accept(Result("w1", id)).ok());
  EXPECT_TRUE(absl::IsAlreadyExists(leaser_->Accept(Result("w2", id))));
  EXPECT_EQ(ledger_->counts().admitted, 1);
  EXPECT_EQ(leaser_->stats().leased, 0);
}

TEST_F(PromptLeaserTest, AResultTakesAReturnedGroupOutOfTheQueue) {
  Start();
  const std::string id = Take("w1", 1)[0];
  leaser_->ExpireLeases(now_ + absl::Seconds(7));
  EXPECT_TRUE(leaser_->Accept(Result("w1", id)).ok());
  EXPECT_THAT(TakeAll("w2"), testing::Not(testing::Contains(id)));
}

TEST_F(PromptLeaserTest, RefusedAndEvictedGroupsAreIssuedAgain) {
  Start();
  const std::vector<std::string> ids = Take("w1", 2);
  EXPECT_TRUE(leaser_->Refuse("w2", ids[0], "too_old").ok()) << "not the holder: no effect";
  EXPECT_EQ(leaser_->stats().leased, 2);
  EXPECT_TRUE(leaser_->Refuse("w1", ids[0], "too_old").ok());
  EXPECT_TRUE(leaser_->Accept(Result("w1", ids[1])).ok());
  EXPECT_TRUE(leaser_->Evict(ids[1], "too_old").ok());
  const std::vector<v1::Lease> again = Leases("w2", 2);
  ASSERT_EQ(again.size(), 2);
  EXPECT_EQ(again[0].group().group_id(), ids[0]);
  EXPECT_EQ(again[1].group().group_id(), ids[1]);
  EXPECT_EQ(again[1].attempt(), 2);
  EXPECT_EQ(ledger_->counts().admitted, 1) << "counted once";
  EXPECT_TRUE(ledger_->Balance().ok());
}

TEST_F(PromptLeaserTest, EvaluationGoesFirstAndStaysOutOfTheLedger) {
  Start(1);
  leaser_->EnqueueEvaluation(MakeEvaluationGroups(Dataset(2), 1, 4, {}));
  const std::vector<v1::Lease> leases = Leases("w1", 2);
  ASSERT_EQ(leases.size(), 2);
  EXPECT_EQ(leases[0].group().purpose(), v1::PURPOSE_EVAL);
  EXPECT_EQ(leases[0].group().num_samples(), 4);
  EXPECT_EQ(leases[0].min_policy_version(), 1);
  EXPECT_EQ(ledger_->counts().issued, 0);
  EXPECT_TRUE(leaser_->Accept(Result("w1", leases[0].group().group_id())).ok());
  EXPECT_TRUE(absl::IsAlreadyExists(leaser_->Accept(Result("w1", leases[0].group().group_id()))));
  for (int attempt = 1; attempt <= 3; ++attempt) {
    EXPECT_TRUE(leaser_->Release("w1", leases[1].group().group_id(), "unscorable", "").ok());
    EXPECT_THAT(dropped_evaluation_, SizeIs(attempt == 3 ? 1 : 0));
    if (attempt < 3) {
      EXPECT_THAT(Take("w1", 1), ElementsAre(leases[1].group().group_id()));
    }
  }
  EXPECT_EQ(ledger_->counts().issued, 0);
}

TEST_F(PromptLeaserTest, ResumingIssuesOpenGroupsAgainAndGoesOnAfterTheCursor) {
  options_.gate.max_staleness = 1;
  Start();
  const std::vector<std::string> ids = TakeAll("w1");
  ASSERT_THAT(ids, SizeIs(8));
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(leaser_->Accept(Result("w1", ids[i])).ok());
  ASSERT_TRUE(leaser_->OnTrained(1, {ids[0], ids[1], ids[2], ids[3]}).ok());
  const std::string problem = leaser_->Find("w1", ids[6])->prompt_id();

  Start(1);
  EXPECT_TRUE(absl::IsNotFound(leaser_->Accept(Result("w1", ids[4])))) << "leases of the former process are void";
  EXPECT_TRUE(absl::IsAlreadyExists(leaser_->Accept(Result("w1", ids[0]))));
  const std::vector<std::string> again = TakeAll("w2");
  EXPECT_THAT(again, ElementsAre(ids[4], ids[5], ids[6], ids[7], "g00000008", "g00000009", "g00000010", "g00000011"));
  EXPECT_EQ(leaser_->Find("w2", ids[6])->prompt_id(), problem);
  EXPECT_EQ(ledger_->counts().issued, 12);
  EXPECT_TRUE(ledger_->Balance().ok());
}

TEST_F(PromptLeaserTest, ResumingWithAnotherDataSetSaysSo) {
  Start();
  Take("w1", 1);
  auto dataset = PromptDataset::Load({dir_.Write("other.jsonl", R"({"id":"z","problem":"q","answer":"1"})")});
  const auto leaser = PromptLeaser::Create(*std::move(dataset), ledger_.get(), 0, options_);
  EXPECT_TRUE(absl::IsFailedPrecondition(leaser.status()));
  EXPECT_THAT(std::string(leaser.status().message()), HasSubstr("data.train"));
}

TEST_F(PromptLeaserTest, RefusesStrangersAndEmptyRequests) {
  Start();
  EXPECT_TRUE(absl::IsNotFound(leaser_->Acquire("stranger", 1, absl::InfinitePast()).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(leaser_->Acquire("w1", 0, absl::InfinitePast()).status()));
  EXPECT_TRUE(absl::IsNotFound(leaser_->Release("w1", "g00000000", "r", "")));
}

}  // namespace
}  // namespace maspo
