#include "learner/training_loop.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/synchronization/notification.h"
#include "tests/learner/loop_fixture.h"

namespace maspo {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

class TrainingLoopTest : public LoopFixture {
 protected:
  TrainingLoopTest() { options_.shuffle = false; }
};

TEST_F(TrainingLoopTest, AStepGoesItsWay) {
  options_.total_steps = 1;
  with_evaluation_ = true;
  evaluation_.rounds = 1;
  ASSERT_TRUE(Run().ok());
  EXPECT_THAT(events_, ElementsAre("buffer has version 0", "publish 0", "book has version 0", "evaluate 0",
                                   "await evaluation", "scores 0", "take", "logprobs", "update", "update", "trained 1",
                                   "buffer has version 1", "publish 1", "book has version 1", "row 1", "save",
                                   "evaluate 1", "await evaluation", "scores 1"));
  EXPECT_EQ(SavedDigest(), Undisturbed(1));
}

TEST_F(TrainingLoopTest, ARowHoldsWhatThePartsReturned) {
  options_.total_steps = 1;
  ASSERT_TRUE(Run().ok());
  const auto& row = journal_.rows.at(0).values;
  EXPECT_EQ(row.at("policy_version"), 1);
  EXPECT_EQ(row.at("response/count"), 4);
  EXPECT_EQ(row.at("verdict/correct"), 2);
  EXPECT_EQ(row.at("optim/updates"), 2);
  EXPECT_EQ(row.at("optim/loss"), 1);
  EXPECT_THAT(row, Not(Contains(testing::Key("group/replaced"))));
}

TEST_F(TrainingLoopTest, CheckpointsComeBySteps) {
  options_.checkpoint_interval = 2;
  options_.total_steps = 5;
  ASSERT_TRUE(Run().ok());
  EXPECT_EQ(Count("save"), 3) << "steps 2, 4 and the last";
}

TEST_F(TrainingLoopTest, AndByMinutes) {
  options_.checkpoint_period = absl::Minutes(30);
  options_.total_steps = 5;
  on_event_ = [this](const std::string& event) {
    if (event == "logprobs") now_ += absl::Minutes(16);
  };
  ASSERT_TRUE(Run().ok());
  EXPECT_EQ(Count("save"), 3) << "steps 2, 4 and the last";
}

// Wherever a stop comes, the last finished step is on the disk with its row, and a run that goes on ends as if nothing
// had been.
struct StopCase {
  const char* event;
  int occurrence;
  std::optional<uint64_t> saved;
};
class StopTest : public TrainingLoopTest, public ::testing::WithParamInterface<StopCase> {
 protected:
  void CheckThatNothingIsLost(std::optional<uint64_t> saved) {
    const absl::Status stopped = Run();
    EXPECT_TRUE(absl::IsCancelled(stopped)) << stopped;
    EXPECT_THAT(std::string(stopped.message()), HasSubstr("--resume"));
    EXPECT_EQ(SavedStep(), saved);
    if (saved) {
      EXPECT_EQ(SavedDigest(), Undisturbed(*saved));
      EXPECT_EQ(Rows().size(), *saved);
    }
    on_event_ = nullptr;
    const absl::Status resumed = Run();
    EXPECT_TRUE(resumed.ok()) << resumed;
    EXPECT_EQ(SavedStep(), 4);
    EXPECT_EQ(SavedDigest(), Undisturbed(4));
    EXPECT_THAT(Rows(), ElementsAre(1, 2, 3, 4));
    EXPECT_THAT(journal_.evaluations, UnorderedElementsAre(0, 2, 4));
  }
};

TEST_P(StopTest, LosesNothing) {
  with_evaluation_ = true;
  options_.eval_interval = 2;
  StopAt(GetParam().event, GetParam().occurrence);
  CheckThatNothingIsLost(GetParam().saved);
}

INSTANTIATE_TEST_SUITE_P(Phases, StopTest,
                         ::testing::Values(StopCase{"publish 0", 1, std::nullopt},         //
                                           StopCase{"await evaluation", 2, std::nullopt},  // The initial one.
                                           StopCase{"take", 1, std::nullopt}, StopCase{"logprobs", 1, std::nullopt},
                                           StopCase{"update", 2, std::nullopt},  // Between the first step's updates.
                                           StopCase{"take", 3, 2}, StopCase{"logprobs", 3, 2},
                                           StopCase{"update", 5, 2},  // Before the third step's first update,
                                           StopCase{"update", 6, 3},  // and its second, which is waited for.
                                           StopCase{"trained 3", 1, 3}, StopCase{"publish 3", 1, 3},
                                           StopCase{"row 3", 1, 3}, StopCase{"evaluate 2", 1, 2},
                                           StopCase{"await evaluation", 5, 2},    // In the one after step 2,
                                           StopCase{"await evaluation", 8, 4}));  // and the last.

// Updates that take longer than a stop may are given up, for a copy that was kept.
class LongUpdateTest : public StopTest {};
TEST_P(LongUpdateTest, LosesNothing) {
  with_evaluation_ = true;
  options_.eval_interval = 2;
  options_.stop_grace = absl::ZeroDuration();
  StopAt(GetParam().event, GetParam().occurrence);
  CheckThatNothingIsLost(GetParam().saved);
}
INSTANTIATE_TEST_SUITE_P(Phases, LongUpdateTest,
                         ::testing::Values(StopCase{"update", 2, std::nullopt}, StopCase{"update", 5, 2},
                                           StopCase{"update", 6, 2}, StopCase{"keep", 2, 2},
                                           StopCase{"trained 3", 1, 3}));

TEST_F(TrainingLoopTest, StatesThatAreOnTheDiskAreNotKept) {
  options_.stop_grace = absl::ZeroDuration();
  options_.checkpoint_interval = 1;
  StopAt("update", 6);
  EXPECT_TRUE(absl::IsCancelled(Run()));
  EXPECT_EQ(Count("keep"), 0);
  EXPECT_EQ(SavedStep(), 2);
  EXPECT_EQ(SavedDigest(), Undisturbed(2));
}

TEST_F(TrainingLoopTest, AStoppedRunPublishesNothingMore) {
  StopAt("update", 6);
  EXPECT_TRUE(absl::IsCancelled(Run()));
  EXPECT_EQ(Count("trained 3"), 1);
  EXPECT_EQ(Count("publish 3"), 0);
}

TEST_F(TrainingLoopTest, EveryEndWritesACheckpoint) {
  on_event_ = [this](const std::string& event) {
    if (event == "row 2") fatal_.Report(absl::UnavailableError("the disk is full; make room"));
  };
  const absl::Status status = Run();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr("the disk is full; make room"));
  EXPECT_EQ(SavedStep(), 2);
  EXPECT_EQ(SavedDigest(), Undisturbed(2));
}

TEST_F(TrainingLoopTest, AnErrorOfTheTrainerDoesToo) {
  on_event_ = [this](const std::string& event) {
    if (event == "row 2") trainer_.next_error = absl::InternalError("out of memory");
  };
  EXPECT_THAT(std::string(Run().message()), HasSubstr("out of memory; the checkpoint of step 2 is written"));
  EXPECT_EQ(SavedDigest(), Undisturbed(2));
}

TEST_F(TrainingLoopTest, AStepThatCouldNotBePublishedIsFinished) {
  on_event_ = [this](const std::string& event) {
    if (event == "publish 2") trainer_.next_error = absl::InternalError("out of memory");
  };
  EXPECT_THAT(std::string(Run().message()), HasSubstr("out of memory; the checkpoint of step 2 is written"));
  EXPECT_EQ(SavedDigest(), Undisturbed(2));
  EXPECT_THAT(Rows(), ElementsAre(1, 2));
}

// Updates of an unfinished step must not be taken for a finished one.
TEST_F(TrainingLoopTest, OneBetweenTwoUpdatesGoesBackToWhatIsOnTheDisk) {
  options_.checkpoint_interval = 1;
  int updates = 0;
  const auto fail_at_the_sixth = [&](const std::string& event) {
    if (event == "update" && ++updates == 6) trainer_.next_error = absl::InternalError("out of memory");
  };
  on_event_ = fail_at_the_sixth;
  EXPECT_THAT(std::string(Run().message()), HasSubstr("out of memory; the checkpoint of step 2 is written"));
  EXPECT_EQ(SavedDigest(), Undisturbed(2));
  on_event_ = fail_at_the_sixth;
  options_.checkpoint_interval = 0;
  std::filesystem::remove_all(dir_.File("checkpoints"));
  updates = 0;
  EXPECT_THAT(std::string(Run().message()), HasSubstr("out of memory; --resume goes on from the beginning"));
  EXPECT_EQ(SavedStep(), std::nullopt);
}

TEST_F(TrainingLoopTest, ACheckpointThatCannotBeWrittenIsSaid) {
  on_event_ = [this](const std::string& event) {
    if (event == "row 2") book_.sync_error = absl::UnavailableError("no space left on device"), stop_->RequestStop();
  };
  EXPECT_THAT(std::string(Run().message()), HasSubstr("could not be written (no space left on device)"));
}

TEST_F(TrainingLoopTest, TheNextStepBeginsWhileACheckpointIsWritten) {
  options_.checkpoint_interval = 1;
  absl::Notification went_on;
  on_event_ = [&](const std::string& event) {
    if (event == "update" && Count("logprobs") == 2 && !went_on.HasBeenNotified()) went_on.Notify();
  };
  trainer_.finish_save = [&] {
    return went_on.WaitForNotificationWithTimeout(absl::Seconds(30)) ? absl::OkStatus()
                                                                     : absl::DeadlineExceededError("nothing went on");
  };
  const absl::Status status = Run();
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(Count("save"), 4);
  EXPECT_EQ(SavedDigest(), Undisturbed(4));
}

TEST_F(TrainingLoopTest, AStopDuringTheUpdatesWaitsForTheCheckpointThatIsWritten) {
  options_.checkpoint_interval = 1;
  absl::Notification stopped;
  trainer_.finish_save = [&] {
    stopped.WaitForNotification();
    return absl::OkStatus();
  };
  on_event_ = [&](const std::string& event) {
    if (event != "update" || Count("update") != 4) return;  // The last one of step 2.
    stop_->RequestStop();
    stopped.Notify();
  };
  EXPECT_THAT(std::string(Run().message()), HasSubstr("the checkpoint of step 1 is written, --resume goes on"));
  EXPECT_EQ(Count("save"), 1);
  EXPECT_EQ(SavedDigest(), Undisturbed(1));
}

TEST_F(TrainingLoopTest, ACheckpointThatCannotBeWrittenEndsTheRun) {
  options_.checkpoint_interval = 1;
  trainer_.finish_save = [] { return absl::UnavailableError("no space left on device"); };
  const absl::Status status = Run();
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("no space left on device; its checkpoint could not be written (no space left on device), "
                        "--resume goes on from the beginning"));
  EXPECT_EQ(SavedStep(), std::nullopt);
  trainer_.finish_save = nullptr;
  EXPECT_TRUE(Run().ok());
  EXPECT_EQ(SavedDigest(), Undisturbed(4));
}

TEST_F(TrainingLoopTest, SkippedUpdatesEndTheRunWithAnError) {
  trainer_.skip = true;
  const absl::Status status = Run();
  EXPECT_TRUE(absl::IsAborted(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("8 of 8 planned updates were skipped"));
}

TEST_F(TrainingLoopTest, WithoutProgressItEndsAndSaysWhatWasAwaited) {
  options_.stall_timeout = absl::Milliseconds(50);
  on_event_ = [this](const std::string& event) {
    if (event == "row 2") source_.held_back = 1 << 30;
    if (event == "take" && source_.held_back > 0) absl::SleepFor(absl::Milliseconds(5));
  };
  const absl::Status status = Run();
  EXPECT_TRUE(absl::IsAborted(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("no progress for 50ms: the learner has 0 of 2 groups and no "
                                                       "rollout worker is registered"));
  EXPECT_EQ(SavedStep(), 2);
}

TEST_F(TrainingLoopTest, WithoutProgressItEndsAndSaysWhyWeightsDidNotReachTheWorkers) {
  options_.stall_timeout = absl::Milliseconds(50);
  source_.held_back = 1 << 30;
  on_event_ = [](const std::string& event) {
    if (event == "take") absl::SleepFor(absl::Milliseconds(5));
  };
  EXPECT_THAT(std::string(Run().message()), Not(HasSubstr("broadcast")));
  publisher_.problem = "too many open files";
  EXPECT_THAT(std::string(Run().message()), HasSubstr("; the last broadcast of weights failed: too many open files"));
}

TEST_F(TrainingLoopTest, TokensThatWorkersSampleAreProgress) {
  options_.total_steps = 1;
  options_.stall_timeout = absl::Milliseconds(50);
  v1::RegisterRequest request;
  request.set_contract_version(1);
  request.set_worker_name("slow");
  v1::HeartbeatRequest heartbeat;
  heartbeat.set_worker_id(control_.Register(request)->worker_id());
  heartbeat.mutable_status()->set_phase("generating");
  heartbeat.mutable_status()->set_problem("the scorer does not answer");
  source_.held_back = 40;
  on_event_ = [&](const std::string& event) {
    if (event != "take" || source_.held_back == 0) return;
    heartbeat.mutable_status()->set_response_tokens(heartbeat.status().response_tokens() + 1);
    EXPECT_TRUE(control_.Heartbeat(heartbeat).ok());
    absl::SleepFor(absl::Milliseconds(5));  // 200 ms in all.
  };
  EXPECT_TRUE(Run().ok());

  options_.total_steps = 2;
  on_event_ = [&](const std::string& event) {
    if (event == "take") source_.held_back = 1 << 30, absl::SleepFor(absl::Milliseconds(5));
  };
  EXPECT_THAT(std::string(Run().message()), HasSubstr("is generating, its trouble: the scorer does not answer"));
}

TEST_F(TrainingLoopTest, AnEvaluationThatComesSlowlyIsProgress) {
  with_evaluation_ = true;
  evaluation_.rounds = 30;
  options_.total_steps = 1;
  options_.stall_timeout = absl::Milliseconds(50);
  on_event_ = [](const std::string& event) {
    if (event == "await evaluation") absl::SleepFor(absl::Milliseconds(5));
  };
  EXPECT_TRUE(Run().ok());
  evaluation_.stuck = true;
  std::filesystem::remove_all(dir_.File("checkpoints"));
  journal_.evaluations.clear();
  EXPECT_THAT(std::string(Run().message()), HasSubstr("the learner has 0 of 30 held-out groups"));
}

TEST_F(TrainingLoopTest, DynamicSamplingThatCanNeverFillAStepEnds) {
  options_.dynamic_sampling = true;
  options_.stall_timeout = absl::Milliseconds(100);
  all_correct_ = true;
  EXPECT_THAT(std::string(Run().message()), HasSubstr("dynamic sampling has dropped the last"));
}

TEST_F(TrainingLoopTest, AFinishedRunHasNothingToDo) {
  ASSERT_TRUE(Run().ok());
  options_.total_steps = 3;
  with_evaluation_ = true;
  options_.eval_interval = 2;
  ASSERT_TRUE(Run().ok());
  EXPECT_EQ(Count("take"), 0);
  EXPECT_EQ(Count("evaluate 4"), 0);
  EXPECT_EQ(SavedStep(), 4);
}

}  // namespace
}  // namespace maspo
