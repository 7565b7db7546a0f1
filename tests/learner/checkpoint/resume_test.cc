// What a run that goes on may change, and whose its folder is.
#include <gmock/gmock.h>
#include <google/protobuf/descriptor.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "learner/checkpoint/resume_keys.h"
#include "learner/checkpoint/run_folder.h"
#include "learner/checkpoint/run_lock.h"
#include "learner/ledger/group_events.h"
#include "services/base/atomic_file.h"
#include "tests/support/temp_dir.h"

namespace maspo {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;

void AddKeys(const google::protobuf::Descriptor* section, const std::string& prefix, std::vector<std::string>& keys) {
  for (int i = 0; i < section->field_count(); ++i) {
    const auto* field = section->field(i);
    if (field->message_type() != nullptr) {
      AddKeys(field->message_type(), absl::StrCat(prefix, field->name(), "."), keys);
    } else {
      keys.push_back(absl::StrCat(prefix, field->name()));
    }
  }
}

TEST(ResumeKeysTest, SayWhatBecomesOfEveryKey) {
  std::vector<std::string> schema, table;
  AddKeys(v1::RunConfig::descriptor(), "", schema);
  for (const ResumeKey& key : ResumeKeys()) table.push_back(key.key);
  std::sort(schema.begin(), schema.end());
  std::sort(table.begin(), table.end());
  EXPECT_THAT(table, ElementsAreArray(schema)) << "learner/checkpoint/resume_keys.cc has one line for each key";
}

TEST(ResumeKeysTest, TheDocumentedTableIsThatOfTheKeysThatAreNotFree) {
  const char* source = std::getenv("MASPO_SOURCE_DIR");
  if (source == nullptr) GTEST_SKIP() << "MASPO_SOURCE_DIR is not set: run this through ctest";
  const std::string text = *ReadFile(absl::StrCat(source, "/docs/runbook.md"));
  std::set<std::string> documented, expected;
  for (const auto line : absl::StrSplit(text, '\n')) {
    if (line.substr(0, 3) == "| `") documented.insert(std::string(line));
  }
  const std::map<ResumeRule, std::string> names = {
      {ResumeRule::kHandled, "handled"}, {ResumeRule::kKept, "kept"}, {ResumeRule::kCompared, "compared"}};
  for (const ResumeKey& key : ResumeKeys()) {
    if (key.rule == ResumeRule::kFree) continue;
    expected.insert(absl::StrCat("| `", key.key, "` | ", names.at(key.rule), " | ", key.why, " |"));
  }
  EXPECT_EQ(documented, expected);
}

// A run's folder, and a model and training problems to come back to it with.
class RunFolderTest : public ::testing::Test {
 protected:
  RunFolderTest() {
    config_.mutable_model()->set_path(dir_.File("model"));
    dir_.Write("model/config.json", "{}");
    dir_.Write("model/model.safetensors", "weights");
    SetProblems({"1 + 1", "2 + 2"});
  }
  void SetProblems(const std::vector<std::string>& problems) {
    std::string rows;
    for (size_t i = 0; i < problems.size(); ++i) {
      absl::StrAppend(&rows, "{\"id\":\"p", i, "\",\"problem\":\"", problems[i], "\",\"answer\":\"1\"}\n");
    }
    problems_ = dir_.Write("train.jsonl", rows);
  }
  absl::StatusOr<RunFolder> Open(bool resume) {
    RunFolder::Options options;
    options.run_dir = dir_.File("run");
    options.resume = resume;
    options.seed = config_.run().seed();
    options.origin = *RunOrigin::Of(config_, *PromptDataset::Load({problems_}));
    options.check_checkpoint = [](const std::string&) { return absl::OkStatus(); };
    return RunFolder::Open(options);
  }
  // A run that was trained for a step, and what it did afterwards.
  void MakeRun() {
    auto folder = Open(false);
    ASSERT_TRUE(folder.ok()) << folder.status();
    ASSERT_TRUE(folder->ledger->Append({Issued("g0")}).ok());
    const RunState state{.step = 1, .ledger_offset = folder->ledger->offset(), .seed = config_.run().seed()};
    fs::create_directories(folder->checkpoints->Prepare(state.step).value());
    ASSERT_TRUE(folder->checkpoints->Commit(state, absl::OkStatus()).ok());
    ASSERT_TRUE(folder->ledger->Append({Issued("g1")}).ok());
  }
  static LedgerEvent Issued(const std::string& id) {
    LedgerEvent event;
    event.kind = LedgerEventKind::kIssued;
    event.group_id = id;
    event.prompt_id = "p0";
    event.attempt = 1;
    event.worker_id = "w";
    return event;
  }
  std::string Refusal() { return std::string(Open(true).status().message()); }

  const TempDir dir_;
  v1::RunConfig config_;
  std::string problems_;
};

TEST_F(RunFolderTest, GoesOnAfterTheCheckpoint) {
  MakeRun();
  const auto folder = Open(true);
  ASSERT_TRUE(folder.ok()) << folder.status();
  EXPECT_EQ(folder->state.step, 1);
  EXPECT_EQ(folder->checkpoint, dir_.File("run/checkpoints/step-00000001"));
  EXPECT_EQ(folder->ledger->counts().issued, 1);
}

TEST_F(RunFolderTest, ARunIsNotOverwritten) {
  MakeRun();
  const absl::Status status = Open(false).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("holds a run already; add --resume"));
}

TEST_F(RunFolderTest, ResumingWhatIsNotThereStartsIt) {
  auto folder = Open(true);
  ASSERT_TRUE(folder.ok()) << folder.status();
  EXPECT_EQ(folder->checkpoint, std::nullopt);
  ASSERT_TRUE(folder->ledger->Append({Issued("g0")}).ok());  // It dies before its first checkpoint.
  folder = absl::UnknownError("");
  folder = Open(true);
  ASSERT_TRUE(folder.ok()) << folder.status();
  EXPECT_EQ(folder->state.step, 0);
  EXPECT_EQ(folder->ledger->counts().issued, 0);
}

TEST_F(RunFolderTest, UntilItsFirstCheckpointARunKeepsNothing) {
  ASSERT_TRUE(Open(true).ok());
  config_.mutable_run()->set_seed(5);
  SetProblems({"3 + 3"});
  ASSERT_TRUE(Open(true).ok());
  MakeRun();
  EXPECT_TRUE(Open(true).ok());
}

TEST_F(RunFolderTest, WhatARunKeepsIsNamedWhenItChanges) {
  MakeRun();
  config_.mutable_run()->set_seed(5);
  EXPECT_THAT(Refusal(), HasSubstr("run.seed is 5, but the run in"));
  EXPECT_THAT(Refusal(), HasSubstr("model.path: " + dir_.File("run/checkpoints/step-00000001")));
  config_.clear_run();
  config_.mutable_data()->set_prompt_suffix(" Think.");
  EXPECT_THAT(Refusal(), HasSubstr("data.prompt_suffix is \" Think.\""));
  config_.clear_data();
  config_.mutable_data()->set_shuffle(false);
  EXPECT_THAT(Refusal(), HasSubstr("data.shuffle is false, but"));
  config_.clear_data();
  EXPECT_TRUE(Open(true).ok());
}

TEST_F(RunFolderTest, OtherProblemsAreRefusedAndMovedFilesAreNot) {
  MakeRun();
  for (const std::vector<std::string>& others :
       {std::vector<std::string>{"1 + 1"}, {"1 + 1", "2 + 2", "3 + 3"}, {"1 + 1", "2 + 3"}, {"2 + 2", "1 + 1"}}) {
    SetProblems(others);
    EXPECT_THAT(Refusal(), HasSubstr("data.train: the problems are not those")) << others.front();
  }
  SetProblems({"1 + 1", "2 + 2"});
  fs::create_directories(dir_.File("elsewhere"));
  fs::rename(problems_, dir_.File("elsewhere/train.jsonl"));
  problems_ = dir_.File("elsewhere/train.jsonl");
  fs::rename(dir_.File("model"), dir_.File("moved"));
  config_.mutable_model()->set_path(dir_.File("moved"));
  EXPECT_TRUE(Open(true).ok());
}

TEST_F(RunFolderTest, AnotherModelIsRefused) {
  MakeRun();
  dir_.Write("model/model.safetensors", "WEIGHTS");
  EXPECT_THAT(Refusal(), HasSubstr("model.path: the model is not the one"));
}

TEST_F(RunFolderTest, SettingsThatAreFreeChangeFreely) {
  MakeRun();
  config_.mutable_run()->set_steps(7);
  config_.mutable_rollout()->set_prompts_per_step(3);
  config_.mutable_learner()->mutable_optimizer()->set_learning_rate(1);
  config_.mutable_data()->add_eval("other.jsonl");
  EXPECT_TRUE(Open(true).ok());
}

TEST_F(RunFolderTest, HasOneLearner) {
  auto first = Open(false);
  ASSERT_TRUE(first.ok()) << first.status();
  const absl::Status status = Open(true).status();
  EXPECT_TRUE(absl::IsUnavailable(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr(absl::StrCat("is in use by process ", getpid(), " on ")));
  EXPECT_FALSE(CheckRunIsFree(dir_.File("run"), RunLock::kLearner).ok());
  EXPECT_TRUE(CheckRunIsFree(dir_.File("run"), RunLock::kTrain).ok());
  first = absl::UnknownError("");
  EXPECT_TRUE(CheckRunIsFree(dir_.File("run"), RunLock::kLearner).ok());
  EXPECT_TRUE(Open(true).ok());
}

TEST_F(RunFolderTest, TheLockOfADeadProcessIsNotInTheWay) {
  fs::create_directories(dir_.File("run"));
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const pid_t child = fork();
  if (child == 0) {
    const auto lock = LockRun(dir_.File("run"), RunLock::kLearner);
    const char ok = lock.ok() ? 'y' : 'n';
    if (write(ready[1], &ok, 1) != 1) _exit(1);
    pause();
  }
  char ok = 0;
  ASSERT_EQ(read(ready[0], &ok, 1), 1);
  ASSERT_EQ(ok, 'y');
  EXPECT_THAT(std::string(Open(false).status().message()), HasSubstr(absl::StrCat("process ", child, " on ")));
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  EXPECT_TRUE(Open(false).ok());
  close(ready[0]);
  close(ready[1]);
}

}  // namespace
}  // namespace maspo
