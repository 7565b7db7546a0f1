#include "learner/ledger/ledger_state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace maspo {
namespace {

using Kind = LedgerEventKind;

LedgerEvent Event(Kind kind, const std::string& group, const std::string& reason = "") {
  LedgerEvent event;
  event.kind = kind;
  event.group_id = group;
  event.reason = reason;
  return event;
}

// Applies events of one group; the status of the first that is refused.
absl::Status Live(LedgerState& state, const std::string& group, const std::vector<Kind>& kinds) {
  for (const Kind kind : kinds) {
    if (const absl::Status status = state.Apply(Event(kind, group)); !status.ok()) return status;
  }
  return absl::OkStatus();
}

const std::vector<Kind> kWholeLife = {Kind::kIssued, Kind::kGenerated, Kind::kScored, Kind::kAdmitted, Kind::kTrained};

TEST(LedgerStateTest, CountsGroupsByTheStagesTheyReached) {
  LedgerState state;
  ASSERT_TRUE(Live(state, "a", kWholeLife).ok());
  ASSERT_TRUE(Live(state, "b", {Kind::kIssued, Kind::kGenerated, Kind::kScored}).ok());
  ASSERT_TRUE(Live(state, "c", {Kind::kIssued}).ok());
  ASSERT_TRUE(state.Apply(Event(Kind::kDropped, "c", "expired")).ok());
  ASSERT_TRUE(Live(state, "d", {Kind::kIssued}).ok());
  const LedgerCounts& counts = state.counts();
  EXPECT_EQ(counts.issued, 4);
  EXPECT_EQ(counts.generated, 2);
  EXPECT_EQ(counts.scored, 2);
  EXPECT_EQ(counts.admitted, 1);
  EXPECT_EQ(counts.trained, 1);
  EXPECT_EQ(counts.dropped(), 1);
  EXPECT_EQ(counts.dropped_by_reason.at("expired"), 1);
  EXPECT_EQ(counts.open, 2);
  EXPECT_THAT(state.OpenIds(), testing::ElementsAre("b", "d"));
  EXPECT_TRUE(state.CheckBalance().ok());
}

TEST(LedgerStateTest, AGroupThatIsReissuedCountsOnceUnderEachStage) {
  LedgerState state;
  ASSERT_TRUE(
      Live(state, "a", {Kind::kIssued, Kind::kGenerated, Kind::kScored, Kind::kAdmitted, Kind::kReissued}).ok());
  EXPECT_EQ(state.FindOpen("a")->stage, Kind::kIssued);
  ASSERT_TRUE(Live(state, "a", {Kind::kGenerated, Kind::kScored, Kind::kAdmitted, Kind::kTrained}).ok());
  EXPECT_EQ(state.counts().generated, 1);
  EXPECT_EQ(state.counts().admitted, 1);
  EXPECT_EQ(state.counts().reissued, 1);
  EXPECT_TRUE(state.CheckBalance().ok());
}

TEST(LedgerStateTest, RefusesEverythingThatBreaksTheOrderOfLife) {
  const std::vector<std::vector<Kind>> impossible = {
      {Kind::kGenerated},
      {Kind::kTrained},
      {Kind::kIssued, Kind::kIssued},
      {Kind::kIssued, Kind::kScored},
      {Kind::kIssued, Kind::kTrained},
      {Kind::kIssued, Kind::kGenerated, Kind::kGenerated},
      {Kind::kIssued, Kind::kGenerated, Kind::kAdmitted},
      {Kind::kIssued, Kind::kGenerated, Kind::kScored, Kind::kTrained},
      {Kind::kIssued, Kind::kDropped, Kind::kReissued},
      {Kind::kIssued, Kind::kDropped, Kind::kDropped},
      {Kind::kIssued, Kind::kGenerated, Kind::kScored, Kind::kAdmitted, Kind::kTrained, Kind::kTrained},
      {Kind::kIssued, Kind::kGenerated, Kind::kScored, Kind::kAdmitted, Kind::kTrained, Kind::kReissued},
  };
  for (const std::vector<Kind>& life : impossible) {
    LedgerState state;
    const std::vector<Kind> possible(life.begin(), life.end() - 1);
    ASSERT_TRUE(Live(state, "a", possible).ok());
    const LedgerCounts before = state.counts();
    const absl::Status status = Live(state, "a", {life.back()});
    EXPECT_TRUE(absl::IsFailedPrecondition(status)) << NameOf(life.back()) << " after " << possible.size();
    EXPECT_EQ(state.counts().trained, before.trained);
    EXPECT_EQ(state.counts().open, before.open);
    EXPECT_TRUE(state.CheckBalance().ok());
  }
}

}  // namespace
}  // namespace maspo
