#include "learner/prompts/lease_queue.h"

#include <gmock/gmock.h>
#include <sys/resource.h>

#include <csignal>
#include <set>

#include "learner/prompts/prompt_group.h"
#include "tests/learner/prompts/lease_fixture.h"

namespace maspo {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class LeaseQueueTest : public LeaseFixture {};

TEST_F(LeaseQueueTest, GivesEveryLeaseWhatAWorkerNeeds) {
  book_options_.shuffle = false;
  book_options_.sampling.set_temperature(0.5);
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

TEST_F(LeaseQueueTest, SharesAStepBetweenTheWorkers) {
  Start();
  EXPECT_THAT(Take("w1", 100), SizeIs(2));
  EXPECT_THAT(Take("w2", 100), SizeIs(2));
  EXPECT_THAT(Take("w1", 100), IsEmpty());
}

TEST_F(LeaseQueueTest, AdmitsOneStepPerVersionAndNoMoreThanTheRun) {
  Start();
  EXPECT_THAT(TakeAll("w1"), SizeIs(4));
  book_->OnVersion(1);
  const std::vector<v1::Lease> second = Leases("w1", 1);
  ASSERT_EQ(second.size(), 1);
  EXPECT_EQ(second[0].group().group_id(), "g00000004");
  EXPECT_EQ(second[0].min_policy_version(), 1);
  EXPECT_THAT(TakeAll("w1"), SizeIs(3));
  book_->OnVersion(2);
  EXPECT_THAT(TakeAll("w1"), SizeIs(4));
  book_->OnVersion(3);
  EXPECT_THAT(TakeAll("w1"), IsEmpty()) << "three steps of four groups are all there is";
  EXPECT_EQ(ledger_->counts().issued, 12);
}

TEST_F(LeaseQueueTest, ALeaseAsksForTheCurrentVersionWhateverTheStaleness) {
  book_options_.gate.max_staleness = 1;
  Start(2);
  const std::vector<v1::Lease> leases = Leases("w1", 1);
  ASSERT_EQ(leases.size(), 1);
  EXPECT_EQ(leases[0].min_policy_version(), 2);
}

TEST_F(LeaseQueueTest, SecondPassVisitsEveryProblemAgain) {
  book_options_.gate.max_staleness = 10;
  Start();
  std::map<std::string, int> visits;
  for (const std::string& id : TakeAll("w1")) {
    const auto group = queue_->Find("w1", id);
    ASSERT_TRUE(group.ok());
    visits[group->prompt_id()] += 1;
    EXPECT_EQ(group->visit(), id < "g00000005" ? 0 : id < "g00000010" ? 1 : 2);
  }
  EXPECT_THAT(visits, SizeIs(5));
}

TEST_F(LeaseQueueTest, ExpiredLeasesGoOutAgainUnderTheirIdBeforeNewPrompts) {
  Start();
  const std::vector<std::string> first = Take("w1", 2);
  now_ += absl::Seconds(5);
  queue_->RenewLeases("w1", {first[1]}, now_);
  queue_->ExpireLeases(now_ + absl::Seconds(1));
  const std::vector<v1::Lease> again = Leases("w2", 1);
  ASSERT_EQ(again.size(), 1);
  EXPECT_EQ(again[0].group().group_id(), first[0]) << "only the lease that the heartbeat named lives on";
  EXPECT_EQ(again[0].attempt(), 2);
  EXPECT_EQ(ledger_->counts().reissued, 1);
  queue_->ExpireLeases(now_ + absl::Seconds(7));
  EXPECT_EQ(queue_->stats().leased, 0);
  EXPECT_EQ(queue_->stats().returned, 2);
}

TEST_F(LeaseQueueTest, EndOfAWorkerFreesItsLeasesAtOnce) {
  Start();
  const std::vector<std::string> held = Take("w1", 2);
  queue_->EndWorker("w1");
  EXPECT_TRUE(absl::IsNotFound(queue_->Acquire("w1", 1, absl::InfinitePast()).status()));
  const std::vector<std::string> others = TakeAll("w2");
  EXPECT_THAT(others, SizeIs(4));
  EXPECT_EQ(std::vector<std::string>(others.begin(), others.begin() + 2), held);
}

TEST_F(LeaseQueueTest, AGroupThatFailsTooOftenIsDroppedAndReplaced) {
  Start();
  const std::string poison = Take("w1", 1)[0];
  for (int attempt = 1; attempt <= 3; ++attempt) {
    EXPECT_TRUE(queue_->Release(ReleaseOf("w1", poison, "unscorable", "no verdict")).ok());
    EXPECT_TRUE(absl::IsNotFound(queue_->Release(ReleaseOf("w1", poison, "unscorable"))));
    if (attempt < 3) {
      EXPECT_THAT(Take("w1", 1), ElementsAre(poison));
    }
  }
  EXPECT_EQ(ledger_->counts().dropped_by_reason.at("unscorable"), 1);
  EXPECT_THAT(TakeAll("w1"), SizeIs(4)) << "the step still has four groups";
  EXPECT_TRUE(absl::IsFailedPrecondition(queue_->Accept(Result("w1", poison))));
  EXPECT_TRUE(ledger_->Balance().ok());
}

TEST_F(LeaseQueueTest, ALateResultOfAnEarlierHolderIsTakenOnce) {
  Start();
  const std::string id = Take("w1", 1)[0];
  queue_->ExpireLeases(now_ + absl::Seconds(7));
  EXPECT_THAT(Take("w2", 1), ElementsAre(id));
  EXPECT_TRUE(absl::IsNotFound(queue_->Accept(Result("stranger", id))));
  EXPECT_TRUE(queue_->Accept(Result("w1", id)).ok());
  EXPECT_TRUE(absl::IsAlreadyExists(queue_->Accept(Result("w2", id))));
  EXPECT_EQ(ledger_->counts().admitted, 1);
  EXPECT_EQ(queue_->stats().leased, 0);
}

TEST_F(LeaseQueueTest, AResultTakesAReturnedGroupOutOfTheQueue) {
  Start();
  const std::string id = Take("w1", 1)[0];
  queue_->ExpireLeases(now_ + absl::Seconds(7));
  EXPECT_TRUE(queue_->Accept(Result("w1", id)).ok());
  EXPECT_THAT(TakeAll("w2"), testing::Not(testing::Contains(id)));
}

TEST_F(LeaseQueueTest, RefusedAndEvictedGroupsAreIssuedAgain) {
  Start();
  const std::vector<std::string> ids = Take("w1", 2);
  EXPECT_TRUE(queue_->EndLease("w2", ids[0], "too_old").ok()) << "not the holder: no effect";
  EXPECT_EQ(queue_->stats().leased, 2);
  EXPECT_TRUE(queue_->EndLease("w1", ids[0], "too_old").ok());
  EXPECT_TRUE(queue_->Accept(Result("w1", ids[1])).ok());
  EXPECT_TRUE(queue_->Reopen(ids[1], "too_old").ok());
  const std::vector<v1::Lease> again = Leases("w2", 2);
  ASSERT_EQ(again.size(), 2);
  EXPECT_EQ(again[0].group().group_id(), ids[0]);
  EXPECT_EQ(again[1].group().group_id(), ids[1]);
  EXPECT_EQ(again[1].attempt(), 2);
  EXPECT_EQ(ledger_->counts().admitted, 1) << "counted once";
  EXPECT_TRUE(ledger_->Balance().ok());
}

TEST_F(LeaseQueueTest, EvaluationGoesFirstAndStaysOutOfTheLedger) {
  Start(1);
  queue_->EnqueueEvaluation(MakeEvaluationGroups(Dataset(2), 1, 4, {}));
  const std::vector<v1::Lease> leases = Leases("w1", 2);
  ASSERT_EQ(leases.size(), 2);
  EXPECT_EQ(leases[0].group().purpose(), v1::PURPOSE_EVAL);
  EXPECT_EQ(leases[0].group().num_samples(), 4);
  EXPECT_EQ(leases[0].min_policy_version(), 1);
  EXPECT_EQ(ledger_->counts().issued, 0);
  EXPECT_TRUE(queue_->Accept(Result("w1", leases[0].group().group_id())).ok());
  EXPECT_TRUE(absl::IsAlreadyExists(queue_->Accept(Result("w1", leases[0].group().group_id()))));
  for (int attempt = 1; attempt <= 3; ++attempt) {
    EXPECT_TRUE(queue_->Release(ReleaseOf("w1", leases[1].group().group_id(), "unscorable")).ok());
    EXPECT_THAT(dropped_evaluation_, SizeIs(attempt == 3 ? 1 : 0));
    if (attempt < 3) {
      EXPECT_THAT(Take("w1", 1), ElementsAre(leases[1].group().group_id()));
    }
  }
  EXPECT_EQ(ledger_->counts().issued, 0);
}

TEST_F(LeaseQueueTest, ResumingIssuesOpenGroupsAgainAndGoesOnAfterTheCursor) {
  book_options_.gate.max_staleness = 1;
  Start();
  const std::vector<std::string> ids = TakeAll("w1");
  ASSERT_THAT(ids, SizeIs(8));
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(queue_->Accept(Result("w1", ids[i])).ok());
  ASSERT_TRUE(book_->Trained(1, {ids[0], ids[1], ids[2], ids[3]}).ok());
  const std::string problem = queue_->Find("w1", ids[6])->prompt_id();

  Start(1);
  EXPECT_TRUE(absl::IsNotFound(queue_->Accept(Result("w1", ids[4])))) << "leases of the former process are void";
  EXPECT_TRUE(absl::IsAlreadyExists(queue_->Accept(Result("w1", ids[0]))));
  const std::vector<std::string> again = TakeAll("w2");
  EXPECT_THAT(again, ElementsAre(ids[4], ids[5], ids[6], ids[7], "g00000008", "g00000009", "g00000010", "g00000011"));
  EXPECT_EQ(queue_->Find("w2", ids[6])->prompt_id(), problem);
  EXPECT_EQ(ledger_->counts().issued, 12);
  EXPECT_TRUE(ledger_->Balance().ok());
}

TEST_F(LeaseQueueTest, ResumingWithSmallerStepsLeasesAsMuchAsTheseTrain) {
  Start();
  const auto train = [this](uint64_t step, const std::vector<std::string>& ids) {
    for (const std::string& id : ids) EXPECT_TRUE(queue_->Accept(Result("w1", id)).ok());
    EXPECT_TRUE(book_->Trained(step, ids).ok());
    book_->OnVersion(step);
  };
  train(1, TakeAll("w1"));
  EXPECT_THAT(TakeAll("w1"), SizeIs(4)) << "they are open when the run ends";
  book_options_.gate.groups_per_step = 2;
  Start(/*policy_version=*/1);
  for (const uint64_t step : {2, 3}) {
    const std::vector<std::string> ids = TakeAll("w1");
    EXPECT_THAT(ids, SizeIs(2));
    train(step, ids);
  }
  EXPECT_THAT(TakeAll("w1"), IsEmpty()) << "the run has its three steps";

  book_options_.gate = {.max_staleness = 0, .groups_per_step = 3, .total_steps = 5};
  Start(/*policy_version=*/3);
  EXPECT_THAT(TakeAll("w1"), SizeIs(3));
}

TEST_F(LeaseQueueTest, ResumingWithAnotherDataSetSaysSo) {
  Start();
  Take("w1", 1);
  auto dataset = PromptDataset::Load({dir_.Write("other.jsonl", R"({"id":"z","problem":"q","answer":"1"})")});
  const auto book = *GroupBook::Create(*std::move(dataset), ledger_.get(), &fatal_, 0, book_options_);
  const auto queue = LeaseQueue::Create(book.get(), &fatal_, options_);
  EXPECT_TRUE(absl::IsFailedPrecondition(queue.status()));
  EXPECT_THAT(std::string(queue.status().message()), HasSubstr("data.train"));
}

TEST_F(LeaseQueueTest, RefusesStrangersAndEmptyRequests) {
  Start();
  EXPECT_TRUE(absl::IsNotFound(queue_->Acquire("stranger", 1, absl::InfinitePast()).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(queue_->Acquire("w1", 0, absl::InfinitePast()).status()));
  EXPECT_TRUE(absl::IsNotFound(queue_->Release(ReleaseOf("w1", "g00000000", "r"))));
}

// Groups that a worker says can never be run.
class ImpossibleGroupsTest : public LeaseFixture {
 protected:
  absl::Status Refuse(const std::string& worker, const std::string& group_id) {
    v1::ReleaseRequest release = ReleaseOf(worker, group_id, "refused", "stop token 99 is not in the vocabulary");
    release.set_impossible(true);
    return queue_->Release(release);
  }
};

TEST_F(ImpossibleGroupsTest, EndTheRunWithTheReasonWhenNoWorkerIsLeft) {
  book_options_.shuffle = false;
  Start();
  const std::string id = Take("w1", 1)[0];
  ASSERT_TRUE(Refuse("w1", id).ok());
  EXPECT_TRUE(fatal_.Get().ok()) << "w1 alone may be wrong";
  EXPECT_THAT(Take("w1", 1), ElementsAre("g00000001")) << "it is not given what it refused";
  const std::vector<v1::Lease> other = Leases("w2", 1);
  ASSERT_EQ(other.size(), 1);
  EXPECT_EQ(other[0].group().group_id(), id);
  EXPECT_EQ(other[0].attempt(), 1) << "a refusal is no attempt";
  ASSERT_TRUE(Refuse("w2", id).ok());
  EXPECT_EQ(fatal_.Get(), absl::FailedPreconditionError("no worker can run group g00000000 (prompt \"p0\"): stop token "
                                                        "99 is not in the vocabulary"));
  EXPECT_THAT(Take("w2", 1), IsEmpty()) << "nothing is leased after that";
  EXPECT_EQ(ledger_->counts().dropped(), 0);
  EXPECT_TRUE(ledger_->Balance().ok());
}

TEST_F(ImpossibleGroupsTest, OneWorkerThatRefusesEverythingDoesNotEndTheRun) {
  book_options_.gate.groups_per_step = 20;
  Start();
  for (int i = 0; i < 10; ++i) {
    const std::vector<std::string> refused = Take("w1", 1);
    ASSERT_EQ(refused.size(), 1);
    ASSERT_TRUE(Refuse("w1", refused[0]).ok());
    const std::vector<std::string> done = Take("w2", 1);
    ASSERT_EQ(done, refused);
    ASSERT_TRUE(queue_->Accept(Result("w2", done[0])).ok());
  }
  EXPECT_TRUE(fatal_.Get().ok());
}

TEST_F(ImpossibleGroupsTest, EndTheRunBeforeEveryWorkerHasRefusedEachOfThem) {
  Start();
  const std::string first = Take("w1", 1)[0], second = Take("w2", 1)[0];
  ASSERT_NE(first, second);
  ASSERT_TRUE(Refuse("w1", first).ok());
  ASSERT_TRUE(Refuse("w2", second).ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(fatal_.Get()));
}

TEST_F(ImpossibleGroupsTest, OfTheHeldOutSetEndTheRunAsWell) {
  Start();
  queue_->EndWorker("w2");
  queue_->EnqueueEvaluation(MakeEvaluationGroups(Dataset(2), 1, 4, {}));
  ASSERT_TRUE(Refuse("w1", Take("w1", 1)[0]).ok());
  EXPECT_THAT(std::string(fatal_.Get().message()), HasSubstr("group eval-1-000000"));
  EXPECT_THAT(dropped_evaluation_, IsEmpty());
}

TEST_F(LeaseQueueTest, AWorkersReasonIsOneWordOrNone) {
  Start();
  for (const std::string& reason : std::vector<std::string>{"two words", "UPPER", "\n", std::string(33, 'a'), ""}) {
    ASSERT_TRUE(queue_->Release(ReleaseOf("w1", Take("w1", 1)[0], reason)).ok());
  }
  ASSERT_TRUE(queue_->Release(ReleaseOf("w1", Take("w1", 1)[0], "unscorable")).ok());
  std::set<std::string> words;
  for (const auto& [word, groups] : ledger_->counts().dropped_by_reason) words.insert(word);
  EXPECT_THAT(words, ElementsAre("released", "unscorable"));
}

TEST_F(LeaseQueueTest, ALedgerThatCannotBeWrittenIsAFatalCauseAtOnce) {
  Start();
  const std::string id = Take("w1", 1)[0];
  rlimit limit = {};
  getrlimit(RLIMIT_FSIZE, &limit);
  const rlimit full = {ledger_->offset(), limit.rlim_max};
  std::signal(SIGXFSZ, SIG_IGN);
  setrlimit(RLIMIT_FSIZE, &full);
  const absl::Status accepted = queue_->Accept(Result("w1", id));
  const absl::Status leased = queue_->Acquire("w2", 1, absl::InfinitePast()).status();
  setrlimit(RLIMIT_FSIZE, &limit);
  EXPECT_TRUE(absl::IsUnavailable(accepted)) << accepted;
  EXPECT_TRUE(leased.ok()) << "nothing is leased after a fatal cause, and nobody is turned away";
  EXPECT_THAT(std::string(fatal_.Get().message()), HasSubstr("cannot write " + dir_.File("ledger.jsonl")));
  EXPECT_THAT(std::string(fatal_.Get().message()), HasSubstr("--resume"));
  EXPECT_TRUE(ledger_->Balance().ok());
}

// Workers that ask without a thread, each with what it was answered.
class ParkedAskersTest : public LeaseFixture {
 protected:
  struct Asker {
    Ticket ticket = 0;
    int answers = 0;
    absl::StatusOr<std::vector<v1::Lease>> leases;
  };
  Asker& Ask(const std::string& worker, int max_groups = 10) {
    Asker& asker = *all_.emplace_back(std::make_unique<Asker>());
    asker.ticket = queue_->Park(worker, max_groups, [&asker](absl::StatusOr<std::vector<v1::Lease>> leases) {
      ++asker.answers;
      asker.leases = std::move(leases);
    });
    return asker;
  }

 private:
  std::vector<std::unique_ptr<Asker>> all_;
};

TEST_F(ParkedAskersTest, OnlyWhoGetsSomethingIsWoken) {
  constexpr int kWorkers = 250;
  Start();
  TakeAll("w1");
  queue_->EndWorker("w2");
  std::vector<Asker*> askers;
  for (int i = 0; i < kWorkers; ++i) {
    queue_->AddWorker(absl::StrCat("x", i));
    askers.push_back(&Ask(absl::StrCat("x", i), 1));
  }
  const uint64_t answered = queue_->stats().answered;
  queue_->RenewLeases("w1", {"g00000000", "g00000001", "g00000002", "g00000003"}, now_ + absl::Seconds(5));
  queue_->ExpireLeases(now_ + absl::Seconds(6));
  EXPECT_EQ(queue_->stats().askers, kWorkers) << "nothing has changed";
  ASSERT_TRUE(queue_->Release(ReleaseOf("w1", "g00000002")).ok());
  ASSERT_TRUE(queue_->Accept(Result("w1", "g00000000")).ok());
  EXPECT_EQ(askers[0]->answers, 1) << "who asked first is served first";
  EXPECT_EQ(queue_->stats().askers, kWorkers - 1);
  book_->OnVersion(1);
  for (int i = 0; i < kWorkers; ++i) EXPECT_EQ(askers[i]->answers, i <= 4 ? 1 : 0) << i;
  EXPECT_EQ(queue_->stats().answered - answered, 5);
  queue_->Close();
  for (const Asker* asker : askers) EXPECT_EQ(asker->answers, 1);
}

TEST_F(ParkedAskersTest, ALeaseThatDidNotReachItsWorkerIsNoAttempt) {
  Start();
  for (int i = 0; i < 10; ++i) {
    const std::vector<v1::Lease> lost = Leases("w1", 1);
    ASSERT_EQ(lost.size(), 1);
    EXPECT_EQ(lost[0].group().group_id(), "g00000000");
    EXPECT_EQ(lost[0].attempt(), 1);
    queue_->TakeBackUndelivered("w1", lost);
    queue_->TakeBackUndelivered("w1", lost);  // Twice is once.
  }
  EXPECT_EQ(ledger_->counts().dropped(), 0);
  EXPECT_EQ(queue_->stats().returned, 1);
  EXPECT_TRUE(ledger_->Balance().ok());
}

TEST_F(ParkedAskersTest, AnUndeliveredLeaseGoesToWhoeverWaits) {
  Start();
  const std::vector<v1::Lease> lost = Leases("w1", 1);
  TakeAll("w2");
  const Asker& asker = Ask("w2");
  EXPECT_EQ(asker.answers, 0);
  queue_->TakeBackUndelivered("w1", lost);
  ASSERT_EQ(asker.answers, 1);
  EXPECT_EQ(asker.leases->at(0).group().group_id(), "g00000000");
}

TEST_F(ParkedAskersTest, WhoWithdrewIsGivenNothing) {
  Start();
  TakeAll("w1");
  Asker& gone = Ask("w2");
  EXPECT_TRUE(queue_->Withdraw(gone.ticket));
  EXPECT_FALSE(queue_->Withdraw(gone.ticket));
  EXPECT_EQ(queue_->stats().askers, 0);
  ASSERT_TRUE(queue_->Release(ReleaseOf("w1", "g00000000")).ok());
  EXPECT_EQ(gone.answers, 0);
  EXPECT_EQ(queue_->stats().returned, 1);
}

TEST_F(ParkedAskersTest, AWorkerThatAsksAgainHasGivenUpItsOlderCall) {
  Start();
  TakeAll("w1");
  Asker& older = Ask("w2");
  Asker& newer = Ask("w2");
  ASSERT_EQ(older.answers, 1);
  EXPECT_TRUE(older.leases.ok() && older.leases->empty());
  ASSERT_TRUE(queue_->Release(ReleaseOf("w1", "g00000000")).ok());
  EXPECT_EQ(older.answers, 1);
  EXPECT_EQ(newer.answers, 1);
}

TEST_F(ParkedAskersTest, EverybodyGetsAShareBeforeAnybodyGetsMore) {
  book_options_.gate.groups_per_step = 6;
  Start();
  queue_->AddWorker("w3");
  ASSERT_EQ(Take("w1", 10).size(), 2);
  ASSERT_EQ(TakeAll("w2").size(), 4);
  const Asker& greedy = Ask("w2");
  const Asker& first = Ask("w3", 1);
  ASSERT_TRUE(queue_->Release(ReleaseOf("w1", "g00000000")).ok());
  EXPECT_EQ(first.answers, 1) << "it asked later, but holds less";
  EXPECT_EQ(greedy.answers, 0);
  ASSERT_TRUE(queue_->Release(ReleaseOf("w1", "g00000001")).ok());
  EXPECT_EQ(greedy.answers, 1) << "nobody else waits";
}

TEST_F(ParkedAskersTest, AWorkerThatEndsIsToldAtOnceAndItsGroupsGoToOthers) {
  Start();
  TakeAll("w1");
  const Asker& theirs = Ask("w1");
  const Asker& other = Ask("w2", 2);
  queue_->EndWorker("w1");
  EXPECT_TRUE(absl::IsNotFound(theirs.leases.status()));
  ASSERT_EQ(other.answers, 1);
  EXPECT_EQ(other.leases->size(), 2);
}

}  // namespace
}  // namespace maspo
