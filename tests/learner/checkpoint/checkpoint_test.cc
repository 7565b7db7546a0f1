#include "learner/checkpoint/checkpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "services/base/atomic_file.h"
#include "tests/support/temp_dir.h"

namespace maspo {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

// Checkpoints of a trainer whose state is a file of four bytes.
class CheckpointTest : public ::testing::Test {
 protected:
  static RunState StateOf(uint64_t step) {
    return {.step = step,
            .planned_updates = 8 * step,
            .skipped_updates = 1,
            .prompt_cursor = 16 * step,
            .ledger_offset = 1000 * step,
            .seed = 3,
            .num_updates = static_cast<int64_t>(7 * step)};
  }
  absl::Status TrySave(uint64_t step, const std::string& weights = "1234") {
    const std::optional<std::string> folder = store_.Prepare(step);
    if (!folder) return absl::OkStatus();
    fs::create_directories(*folder);
    return store_.Commit(StateOf(step), WriteFileAtomically(*folder + "/weights", weights));
  }
  std::string Save(uint64_t step) {
    EXPECT_TRUE(TrySave(step).ok());
    return store_.Newest().value_or("");
  }
  auto TakeNewest() {
    return store_.TakeNewest([](const std::string& folder) {
      std::error_code error;
      return fs::file_size(folder + "/weights", error) == 4 ? absl::OkStatus()
                                                            : absl::DataLossError(folder + "/weights is cut short");
    });
  }
  std::string Path(const std::string& name) const { return dir_.File("checkpoints/" + name); }

  const TempDir dir_;
  CheckpointStore store_{{.folder = dir_.File("checkpoints"), .keep = 2}};
};

TEST_F(CheckpointTest, GivesBackTheState) {
  EXPECT_EQ(*TakeNewest(), std::nullopt);
  EXPECT_EQ(fs::path(Save(50)).filename(), "step-00000050");
  const auto newest = TakeNewest();
  ASSERT_TRUE(newest.ok()) << newest.status();
  const RunState& state = (*newest)->state;
  EXPECT_EQ(state.step, 50);
  EXPECT_EQ(state.planned_updates, 400);
  EXPECT_EQ(state.skipped_updates, 1);
  EXPECT_EQ(state.prompt_cursor, 800);
  EXPECT_EQ(state.ledger_offset, 50000);
  EXPECT_EQ(state.seed, 3);
  EXPECT_EQ(state.num_updates, 350);
}

TEST_F(CheckpointTest, KeepsTheNewest) {
  for (const uint64_t step : {9, 10, 100}) Save(step);
  EXPECT_EQ(store_.Newest(), Path("step-00000100"));
  EXPECT_TRUE(fs::exists(Path("step-00000010")));
  EXPECT_FALSE(fs::exists(Path("step-00000009")));
}

TEST_F(CheckpointTest, AnUnfinishedOneIsNoCheckpointAndIsRemoved) {
  dir_.Write("checkpoints/step-00000007.partial/run_state.json", "{");
  dir_.Write("checkpoints/step-00000008.partial.partial/config.json", "{");
  EXPECT_EQ(store_.Newest(), std::nullopt);
  Save(7);
  EXPECT_FALSE(fs::exists(Path("step-00000007.partial")));
  store_.RemoveUnfinished();
  EXPECT_FALSE(fs::exists(Path("step-00000008.partial.partial")));
  EXPECT_TRUE(fs::exists(Path("step-00000007")));
}

TEST_F(CheckpointTest, OneThatCannotBeWrittenLeavesNothingBehindAndDeletesNoOther) {
  for (const uint64_t step : {1, 2}) Save(step);
  fs::create_directories(*store_.Prepare(3));
  const absl::Status status =
      store_.Commit(StateOf(3), absl::ResourceExhaustedError("cannot write: no space left on device"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("no space left"));
  EXPECT_FALSE(fs::exists(Path("step-00000003.partial")));
  EXPECT_TRUE(fs::exists(Path("step-00000001")) && fs::exists(Path("step-00000002")));
}

TEST_F(CheckpointTest, SavingAStepAgainLeavesItAsItIs) {
  const std::string path = Save(1);
  EXPECT_TRUE(TrySave(1, "else").ok());
  EXPECT_EQ(*ReadFile(path + "/weights"), "1234");
}

TEST_F(CheckpointTest, TheOneBeforeADamagedOneIsTaken) {
  for (const uint64_t step : {1, 2}) Save(step);
  dir_.Write("checkpoints/step-00000002/run_state.json", R"({"step": 2})");
  const auto newest = TakeNewest();
  ASSERT_TRUE(newest.ok()) << newest.status();
  EXPECT_EQ((*newest)->state.step, 1);
  EXPECT_TRUE(fs::exists(Path("step-00000002.damaged")));
  EXPECT_EQ(store_.Newest(), Path("step-00000001"));
  // The way there again.
  EXPECT_TRUE(TrySave(2).ok());
  EXPECT_EQ((*TakeNewest())->state.step, 2);
}

TEST_F(CheckpointTest, DamageOfWhatTheTrainerWroteCountsLikewise) {
  for (const uint64_t step : {1, 2}) Save(step);
  fs::resize_file(Path("step-00000002/weights"), 3);
  EXPECT_EQ((*TakeNewest())->state.step, 1);
}

TEST_F(CheckpointTest, WithoutAWholeOneNothingIsTakenForABeginning) {
  for (const uint64_t step : {1, 2}) Save(step);
  fs::resize_file(Path("step-00000001/weights"), 3);
  fs::remove(Path("step-00000002/run_state.json"));
  const absl::Status status = TakeNewest().status();
  EXPECT_TRUE(absl::IsDataLoss(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("none of the 2 checkpoints"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("step-00000002/run_state.json"));
  EXPECT_TRUE(fs::exists(Path("step-00000002"))) << "nothing is renamed";
}

}  // namespace
}  // namespace maspo
