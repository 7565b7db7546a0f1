// The pure decisions of prompt leasing: order, admission, shares.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "learner/prompts/fair_share.h"
#include "learner/prompts/prompt_order.h"
#include "learner/prompts/staleness_gate.h"

namespace maspo {
namespace {

using testing::ElementsAre;

std::vector<size_t> Pass(PromptOrder& order, size_t problems, uint64_t visit) {
  std::vector<size_t> pass;
  for (size_t i = 0; i < problems; ++i) {
    const PromptOrder::Place place = order.At(visit * problems + i);
    EXPECT_EQ(place.visit, visit);
    pass.push_back(place.problem);
  }
  return pass;
}

// The numbers come from an implementation of MT19937-64 in another language.
TEST(PromptOrderTest, PermutationsAreThoseOfTheStandardGeneratorOnEveryPlatform) {
  PromptOrder order(10, 7, true);
  EXPECT_THAT(Pass(order, 10, 0), ElementsAre(1, 8, 6, 0, 9, 2, 4, 5, 3, 7));
  EXPECT_THAT(Pass(order, 10, 1), ElementsAre(1, 0, 8, 7, 5, 2, 9, 6, 3, 4));
}

TEST(PromptOrderTest, EveryPassHoldsEveryProblemOnce) {
  PromptOrder order(97, 1, true);
  std::set<std::vector<size_t>> passes;
  for (uint64_t visit = 0; visit < 5; ++visit) {
    std::vector<size_t> pass = Pass(order, 97, visit);
    passes.insert(pass);
    std::sort(pass.begin(), pass.end());
    for (size_t i = 0; i < 97; ++i) EXPECT_EQ(pass[i], i);
  }
  EXPECT_EQ(passes.size(), 5) << "two passes are the same";
}

TEST(PromptOrderTest, AnswersDependOnSeedAndPlaceAlone) {
  PromptOrder forward(20, 3, true), backward(20, 3, true), other(20, 4, true);
  std::vector<size_t> there, back, elsewhere;
  for (uint64_t n = 0; n < 60; ++n) there.push_back(forward.At(n).problem);
  for (uint64_t n = 60; n-- > 0;) back.push_back(backward.At(n).problem);
  std::reverse(back.begin(), back.end());
  for (uint64_t n = 0; n < 60; ++n) elsewhere.push_back(other.At(n).problem);
  EXPECT_EQ(there, back);
  EXPECT_NE(there, elsewhere);
}

TEST(PromptOrderTest, WithoutShufflingEveryPassIsInFileOrder) {
  PromptOrder order(3, 9, false);
  EXPECT_THAT(Pass(order, 3, 0), ElementsAre(0, 1, 2));
  EXPECT_THAT(Pass(order, 3, 5), ElementsAre(0, 1, 2));
}

TEST(StalenessGateTest, SynchronousRunHoldsOneStepAtATime) {
  const StalenessGate gate{.max_staleness = 0, .groups_per_step = 16, .total_steps = 10};
  EXPECT_EQ(gate.Room(0, 0), 16);
  EXPECT_EQ(gate.Room(15, 0), 1);
  EXPECT_EQ(gate.Room(16, 0), 0);
  EXPECT_EQ(gate.Room(16, 1), 16);
}

TEST(StalenessGateTest, StalenessOpensThatManyStepsAhead) {
  const StalenessGate gate{.max_staleness = 2, .groups_per_step = 4, .total_steps = 10};
  EXPECT_EQ(gate.Room(0, 0), 12);
  EXPECT_EQ(gate.Room(12, 1), 4);
}

TEST(StalenessGateTest, NeverIssuesMoreThanTheRunTrains) {
  const StalenessGate gate{.max_staleness = 3, .groups_per_step = 4, .total_steps = 5};
  EXPECT_EQ(gate.Room(0, 4), 20);
  EXPECT_EQ(gate.Room(20, 4), 0);
  EXPECT_EQ(gate.Room(19, 5), 1) << "a dropped group is replaced";
}

// After 6 steps of 16 groups.
TEST(StalenessGateTest, AResumedRunCountsFromItsCheckpoint) {
  const StalenessGate smaller{
      .max_staleness = 0, .groups_per_step = 4, .total_steps = 10, .first_version = 6, .first_trained = 96};
  EXPECT_EQ(smaller.Room(96, 6), 4);
  EXPECT_EQ(smaller.Room(100, 6), 0);
  EXPECT_EQ(smaller.Room(100, 7), 4);
  EXPECT_EQ(smaller.Room(96, 9), 16) << "four steps are left in all";
  const StalenessGate larger{
      .max_staleness = 1, .groups_per_step = 32, .total_steps = 10, .first_version = 6, .first_trained = 96};
  EXPECT_EQ(larger.Room(96, 6), 64);
  const StalenessGate done{.groups_per_step = 4, .total_steps = 5, .first_version = 6, .first_trained = 96};
  EXPECT_EQ(done.Room(96, 6), 0);
}

TEST(FairShareTest, SplitsWhatThereIsBetweenTheWorkers) {
  EXPECT_EQ((FairShare{.available = 16, .workers = 2}.Grant()), 8);
  EXPECT_EQ((FairShare{.available = 8, .leased = 8, .workers = 2}.Grant()), 8);
  EXPECT_EQ((FairShare{.available = 3, .workers = 2}.Grant()), 2);
  EXPECT_EQ((FairShare{.available = 16, .workers = 1}.Grant()), 16);
  EXPECT_EQ((FairShare{.available = 0, .leased = 5, .workers = 2}.Grant()), 0);
}

TEST(FairShareTest, BeyondItsShareAWorkerOnlyTakesWhatNobodyWaitsFor) {
  EXPECT_EQ((FairShare{.available = 8, .leased = 8, .held = 8, .workers = 2, .others_below_share = true}.Grant()), 0);
  EXPECT_EQ((FairShare{.available = 8, .leased = 8, .held = 8, .workers = 2, .others_below_share = false}.Grant()), 1);
}

}  // namespace
}  // namespace maspo
