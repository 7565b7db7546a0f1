#include "learner/ledger/ledger.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "services/base/atomic_file.h"
#include "tests/support/temp_dir.h"

namespace maspo {
namespace {

using Kind = LedgerEventKind;
using testing::HasSubstr;

std::vector<LedgerEvent> Events(const std::string& group, const std::vector<Kind>& kinds) {
  std::vector<LedgerEvent> events;
  for (const Kind kind : kinds) {
    events.emplace_back();
    events.back().kind = kind;
    events.back().group_id = group;
  }
  return events;
}

const std::vector<Kind> kToAdmitted = {Kind::kIssued, Kind::kGenerated, Kind::kScored, Kind::kAdmitted};

class LedgerTest : public testing::Test {
 protected:
  std::unique_ptr<Ledger> Open() {
    auto ledger = Ledger::Open(path_);
    EXPECT_TRUE(ledger.ok()) << ledger.status();
    return ledger.ok() ? *std::move(ledger) : nullptr;
  }
  void AppendBytes(const std::string& bytes) { std::ofstream(path_, std::ios::app | std::ios::binary) << bytes; }

  TempDir dir_;
  const std::string path_ = dir_.File("ledger.jsonl");
};

TEST_F(LedgerTest, EveryFieldSurvivesTheFile) {
  LedgerEvent event;
  event.kind = Kind::kGenerated;
  event.group_id = "g00000001";
  event.prompt_id = "quote\" \\ line\n é";
  event.visit = 3;
  event.attempt = 2;
  event.worker_id = "w#1";
  event.responses = 8;
  event.response_tokens = 5000000000;
  event.verdicts = {{"correct", 3}, {"wrong", 5}};
  event.step = 12;
  event.reason = "expired";
  event.time = 1.5;
  for (const Kind kind : {Kind::kIssued, Kind::kReissued, Kind::kGenerated, Kind::kScored, Kind::kAdmitted,
                          Kind::kTrained, Kind::kDropped}) {
    event.kind = kind;
    std::string line = EncodeLedgerLine(event);
    ASSERT_EQ(line.back(), '\n');
    line.pop_back();
    const auto decoded = DecodeLedgerLine(line);
    ASSERT_TRUE(decoded.ok()) << decoded.status();
    EXPECT_EQ(EncodeLedgerLine(*decoded), line + "\n");
    EXPECT_EQ(decoded->prompt_id, event.prompt_id);
    EXPECT_EQ(decoded->verdicts, event.verdicts);
  }
}

TEST_F(LedgerTest, EveryAlteredByteOfALineIsNoticed) {
  std::string line = EncodeLedgerLine(Events("g00000001", {Kind::kIssued})[0]);
  line.pop_back();
  for (size_t i = 0; i < line.size(); ++i) {
    std::string altered = line;
    altered[i] ^= 1;
    EXPECT_TRUE(absl::IsDataLoss(DecodeLedgerLine(altered).status())) << altered;
  }
  EXPECT_TRUE(absl::IsDataLoss(DecodeLedgerLine(line.substr(0, line.size() - 1)).status()));
}

TEST_F(LedgerTest, InvalidUtf8InANameIsReplaced) {
  LedgerEvent event = Events("g00000001", {Kind::kIssued})[0];
  event.reason = "\xff\xfe";
  std::string line = EncodeLedgerLine(event);
  line.pop_back();
  EXPECT_TRUE(DecodeLedgerLine(line).ok());
}

TEST_F(LedgerTest, OpeningAgainGivesTheSameState) {
  {
    const auto ledger = Open();
    ASSERT_TRUE(ledger->Append(Events("a", kToAdmitted)).ok());
    ASSERT_TRUE(ledger->Append(Events("b", {Kind::kIssued})).ok());
    ASSERT_TRUE(ledger->Sync().ok());
  }
  const auto ledger = Open();
  EXPECT_EQ(ledger->counts().issued, 2);
  EXPECT_EQ(ledger->counts().admitted, 1);
  EXPECT_EQ(ledger->StandingOf("a"), Ledger::Standing::kAccepted);
  EXPECT_EQ(ledger->StandingOf("b"), Ledger::Standing::kOpen);
  EXPECT_EQ(ledger->StandingOf("c"), Ledger::Standing::kUnknown);
  EXPECT_EQ(ledger->offset(), std::filesystem::file_size(path_));
  EXPECT_TRUE(ledger->Balance().ok());
}

TEST_F(LedgerTest, ABatchIsWrittenWholeOrNotAtAll) {
  const auto ledger = Open();
  std::vector<LedgerEvent> batch = Events("a", kToAdmitted);
  batch.push_back(Events("b", {Kind::kTrained})[0]);
  EXPECT_TRUE(absl::IsFailedPrecondition(ledger->Append(batch)));
  EXPECT_EQ(ledger->counts().issued, 0);
  EXPECT_EQ(std::filesystem::file_size(path_), 0);
  EXPECT_TRUE(absl::IsFailedPrecondition(ledger->Append(Events("a", {Kind::kIssued, Kind::kIssued}))));
  EXPECT_TRUE(ledger->Append(Events("a", kToAdmitted)).ok());
}

TEST_F(LedgerTest, EveryTornTailIsCutOff) {
  ASSERT_TRUE(Open()->Append(Events("a", kToAdmitted)).ok());
  const std::string intact = *ReadFile(path_);
  const std::string next = EncodeLedgerLine(Events("b", {Kind::kIssued})[0]);
  for (size_t length = 1; length < next.size(); ++length) {
    dir_.Write("ledger.jsonl", intact + next.substr(0, length));
    const auto read = ReadLedger(path_);
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(read->torn_bytes, length);
    const auto ledger = Open();
    EXPECT_EQ(ledger->counts().issued, 1) << length;
    EXPECT_EQ(*ReadFile(path_), intact);
    ASSERT_TRUE(ledger->Append(Events("b", {Kind::kIssued})).ok());
    EXPECT_EQ(ReadLedger(path_)->state.counts().issued, 2);
  }
}

TEST_F(LedgerTest, ATailOfZerosIsCutOff) {
  ASSERT_TRUE(Open()->Append(Events("a", kToAdmitted)).ok());
  AppendBytes(std::string(100, '\0') + "\n" + std::string(10, '\0'));
  EXPECT_EQ(Open()->counts().issued, 1);
}

TEST_F(LedgerTest, DamageBeforeIntactEventsIsNamed) {
  ASSERT_TRUE(Open()->Append(Events("a", kToAdmitted)).ok());
  std::string text = *ReadFile(path_);
  text[text.find('\n') + 5] ^= 1;
  dir_.Write("ledger.jsonl", text);
  const auto ledger = Ledger::Open(path_);
  EXPECT_TRUE(absl::IsDataLoss(ledger.status()));
  EXPECT_THAT(std::string(ledger.status().message()), HasSubstr("ledger.jsonl:2"));
}

TEST_F(LedgerTest, ALedgerWithABrokenLifeIsNamed) {
  AppendBytes(EncodeLedgerLine(Events("a", {Kind::kIssued})[0]) + EncodeLedgerLine(Events("a", {Kind::kTrained})[0]));
  const auto read = ReadLedger(path_);
  EXPECT_TRUE(absl::IsFailedPrecondition(read.status()));
  EXPECT_THAT(std::string(read.status().message()), HasSubstr("ledger.jsonl:2"));
}

TEST_F(LedgerTest, TruncatingTakesTheStateBack) {
  const auto ledger = Open();
  ASSERT_TRUE(ledger->Append(Events("a", kToAdmitted)).ok());
  const uint64_t checkpoint = ledger->offset();
  ASSERT_TRUE(ledger->Append(Events("a", {Kind::kTrained})).ok());
  ASSERT_TRUE(ledger->Append(Events("b", kToAdmitted)).ok());
  EXPECT_TRUE(absl::IsInvalidArgument(ledger->TruncateTo(checkpoint + 1)));
  EXPECT_TRUE(absl::IsInvalidArgument(ledger->TruncateTo(ledger->offset() + 1)));
  ASSERT_TRUE(ledger->TruncateTo(checkpoint).ok());
  EXPECT_EQ(ledger->counts().trained, 0);
  EXPECT_EQ(ledger->counts().issued, 1);
  ASSERT_TRUE(ledger->Append(Events("a", {Kind::kTrained})).ok());
  EXPECT_EQ(Open()->counts().trained, 1);
  ASSERT_TRUE(ledger->TruncateTo(0).ok());
  EXPECT_EQ(Open()->counts().issued, 0);
}

// A limit on the size of files stands for a full disk.
TEST_F(LedgerTest, AFullDiskChangesNothing) {
  const auto ledger = Open();
  ASSERT_TRUE(ledger->Append(Events("a", kToAdmitted)).ok());
  rlimit before;
  getrlimit(RLIMIT_FSIZE, &before);
  signal(SIGXFSZ, SIG_IGN);
  const rlimit full{.rlim_cur = ledger->offset() + 10, .rlim_max = before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &full), 0);
  const absl::Status status = ledger->Append(Events("b", kToAdmitted));
  setrlimit(RLIMIT_FSIZE, &before);
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_EQ(ledger->counts().issued, 1);
  EXPECT_EQ(ReadLedger(path_)->torn_bytes, 0);
  EXPECT_TRUE(ledger->Append(Events("b", kToAdmitted)).ok());
  EXPECT_EQ(Open()->counts().issued, 2);
}

TEST_F(LedgerTest, AnUnwritablePlaceIsNamed) {
  const auto ledger = Ledger::Open(dir_.File("absent/ledger.jsonl"));
  EXPECT_TRUE(absl::IsUnavailable(ledger.status()));
  EXPECT_THAT(std::string(ledger.status().message()), HasSubstr("absent/ledger.jsonl"));
}

}  // namespace
}  // namespace maspo
