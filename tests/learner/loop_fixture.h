#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "learner/advantage/advantage_estimator.h"
#include "learner/training_loop.h"
#include "services/base/atomic_file.h"
#include "services/base/status_macros.h"
#include "tests/support/temp_dir.h"

namespace maspo {

// A training loop whose parts are fakes that write down what happens, in one list of events. Each step takes two groups
// of two responses and makes two updates. `on_event` hears of everything as it happens, and may ask for a stop.
class LoopFixture : public ::testing::Test {
 protected:
  // A state that is one number, so that a test sees which one is in a checkpoint: it grows by the learning rate's
  // multiple with each update.
  struct FakeTrainer final : PolicyTrainer {
    explicit FakeTrainer(LoopFixture* fixture) : test(fixture) {}
    absl::StatusOr<LogprobStatistics> ComputeLogprobs(std::vector<TrainingGroup>& groups,
                                                      const StopSignal* stop) override {
      test->Happened("logprobs");
      for (TrainingGroup& group : groups) {
        for (TrainingResponse& response : group.responses) response.old_logprobs = response.behavior_logprobs;
      }
      if (stop != nullptr && stop->stop_requested()) return absl::CancelledError("stopped");
      return LogprobStatistics{.tokens = 4};
    }
    absl::StatusOr<UpdateResult> Apply(absl::Span<const TrainingGroup> mini_batch, double,
                                       const StopSignal* stop) override {
      test->Happened("update");
      if (stop != nullptr && stop->stop_requested()) return absl::CancelledError("stopped");
      if (!next_error.ok()) return std::exchange(next_error, absl::OkStatus());
      UpdateResult result{.loss = 1, .grad_norm = 1, .applied = !skip};
      if (result.applied) {
        result.metrics.tokens = 2;
        for (const TrainingGroup& group : mini_batch) digest = digest * 31 + std::hash<std::string>{}(group.group_id);
        ++updates;
      }
      return result;
    }
    int64_t num_updates() const override { return updates; }
    absl::Status Keep() override {
      test->Happened("keep");
      kept = {digest, updates};
      return absl::OkStatus();
    }
    void GoBack() override {
      test->Happened("go back");
      std::tie(digest, updates) = kept;
    }
    absl::Status Publish(int64_t version, PolicyPublisher*) override {
      test->Happened(absl::StrCat("publish ", version));
      return std::exchange(next_error, absl::OkStatus());
    }
    absl::StatusOr<FinishSave> Save(const std::string& folder) override {
      test->Happened("save");
      return FinishSave([folder, digest = digest, finish = finish_save]() -> absl::Status {
        if (finish) MASPO_RETURN_IF_ERROR(finish());
        std::filesystem::create_directories(folder);
        return WriteFileAtomically(folder + "/weights", absl::StrCat(digest));
      });
    }

    LoopFixture* test;
    size_t digest = 0;
    int64_t updates = 0;
    std::pair<size_t, int64_t> kept;
    bool skip = false;
    absl::Status next_error;
    FinishSave finish_save;  // Called on the thread that writes, before it does.
  };

  // Groups come as soon as they are asked for, unless the test holds them back.
  struct FakeSource final : StepSource {
    explicit FakeSource(LoopFixture* fixture) : test(fixture) {}
    void OnVersion(uint64_t version) override { test->Happened(absl::StrCat("buffer has version ", version)); }
    absl::StatusOr<std::vector<v1::TrajectoryGroup>> TakeStep(uint64_t num_groups, absl::Time) override {
      test->Happened("take");
      if (held_back > 0) {
        --held_back;
        return absl::DeadlineExceededError("not yet");
      }
      std::vector<v1::TrajectoryGroup> groups;
      while (groups.size() < num_groups) groups.push_back(test->Group(next++));
      arrived += num_groups;
      return groups;
    }
    Arrivals arrivals() const override { return {.waiting = 0, .groups = arrived}; }

    LoopFixture* test;
    uint64_t next = 0, arrived = 0;
    int held_back = 0;  // Calls.
  };

  struct FakeBook final : TrainingBook {
    explicit FakeBook(LoopFixture* fixture) : test(fixture) {}
    void OnVersion(uint64_t version) override { test->Happened(absl::StrCat("book has version ", version)); }
    absl::Status Trained(uint64_t step, const std::vector<std::string>& ids) override {
      test->Happened(absl::StrCat("trained ", step));
      offset += 10 * ids.size();
      return absl::OkStatus();
    }
    absl::Status Dropped(const std::vector<std::string>& ids, const std::string&) override {
      offset += 10 * ids.size();
      return absl::OkStatus();
    }
    uint64_t given_up() const override { return lost; }
    absl::StatusOr<Mark> Sync() override {
      MASPO_RETURN_IF_ERROR(sync_error);
      return Mark{.ledger_offset = offset, .groups_issued = test->source_.next};
    }
    absl::Status Balance() const override { return absl::OkStatus(); }

    LoopFixture* test;
    uint64_t offset = 0, lost = 0;
    absl::Status sync_error;
  };

  struct FakePublisher final : PolicyPublisher {
    void Publish(std::shared_ptr<PolicySnapshot>, int64_t) override {}
    PushStatistics TakeStatistics() override { return {}; }
    std::string Problem() const override { return problem; }
    std::string problem;
  };

  struct FakeEvaluation final : HeldOutEvaluation {
    explicit FakeEvaluation(LoopFixture* fixture) : test(fixture) {}
    void Begin(uint64_t step) override {
      left = rounds;
      test->Happened(absl::StrCat("evaluate ", step));
    }
    size_t missing() const override { return left; }
    absl::StatusOr<EvaluationReport> Await(absl::Time) override {
      test->Happened("await evaluation");
      if (left > 0 && !stuck) --left;
      if (left > 0) return absl::DeadlineExceededError("not yet");
      return EvaluationReport();
    }

    LoopFixture* test;
    size_t rounds = 3, left = 0;
    bool stuck = false;
  };

  struct FakeJournal final : StepJournal {
    explicit FakeJournal(LoopFixture* fixture) : test(fixture) {}
    absl::Status Record(const StepMetrics& row) override {
      test->Happened(absl::StrCat("row ", row.step));
      rows.push_back(row);
      return absl::OkStatus();
    }
    absl::Status RecordEvaluation(const StepMetrics& row) override {
      test->Happened(absl::StrCat("scores ", row.step));
      evaluations.insert(row.step);
      return absl::OkStatus();
    }
    bool HasEvaluation(uint64_t step) const override { return evaluations.contains(step); }
    absl::Status RecordSample(uint64_t, const v1::TrajectoryGroup&) override { return absl::OkStatus(); }
    absl::Status RecordGroups(uint64_t, const std::vector<v1::TrajectoryGroup>&) override { return absl::OkStatus(); }

    LoopFixture* test;
    std::vector<StepMetrics> rows;
    std::set<uint64_t> evaluations;
  };

  LoopFixture() {
    options_.total_steps = 4;
    options_.prompts_per_step = 2;
    options_.mini_batch_groups = 1;
    options_.stall_timeout = absl::Seconds(2);
    options_.now = [this] { return now_; };
  }

  v1::TrajectoryGroup Group(uint64_t index) {
    v1::TrajectoryGroup group;
    group.set_group_id(absl::StrFormat("g%08d", index));
    group.add_prompt_token_ids(1);
    for (int i = 0; i < 2; ++i) {
      v1::Trajectory& trajectory = *group.add_trajectories();
      trajectory.set_verdict(i == 0 || all_correct_ ? v1::VERDICT_CORRECT : v1::VERDICT_WRONG);
      trajectory.set_reward(trajectory.verdict() == v1::VERDICT_CORRECT ? 1 : -1);
      trajectory.add_token_ids(1);
      trajectory.add_behavior_logprobs(-1);
    }
    return group;
  }

  void Happened(const std::string& event) {
    events_.push_back(event);
    if (on_event_) on_event_(event);
  }
  // Asks for a stop when the event happens for the n-th time.
  void StopAt(const std::string& event, int n = 1) {
    on_event_ = [this, event, n](const std::string& what) mutable {
      if (what == event && --n == 0) stop_->RequestStop();
    };
  }

  // Runs the loop as a new learner process would: from the newest checkpoint, or from the beginning.
  absl::Status Run() {
    events_.clear();
    stop_ = std::make_unique<StopSignal>();
    RunState state;
    trainer_.digest = 0;
    trainer_.updates = 0;
    const auto checkpoint = store_.TakeNewest([](const std::string&) { return absl::OkStatus(); });
    MASPO_RETURN_IF_ERROR(checkpoint.status());
    if (*checkpoint) {
      state = (*checkpoint)->state;
      trainer_.digest = std::stoull(*ReadFile((*checkpoint)->path + "/weights"));
      trainer_.updates = state.num_updates;
    }
    source_.next = 2 * state.step;  // What was under way comes again.
    book_.offset = state.ledger_offset;
    std::erase_if(journal_.rows, [&](const StepMetrics& row) { return row.step > state.step; });
    std::erase_if(journal_.evaluations, [&](uint64_t step) { return step > state.step; });
    TrainingLoop loop(options_, {.book = &book_,
                                 .buffer = &source_,
                                 .advantage = advantage_.get(),
                                 .trainer = &trainer_,
                                 .learning_rate = &learning_rate_,
                                 .publisher = &publisher_,
                                 .evaluation = with_evaluation_ ? &evaluation_ : nullptr,
                                 .journal = &journal_,
                                 .checkpoints = &store_,
                                 .control = &control_,
                                 .fatal = &fatal_,
                                 .stop = stop_.get()});
    return loop.Run(state);
  }
  // The state that a run of so many steps without any trouble ends with.
  size_t Undisturbed(uint64_t steps) {
    FakeTrainer trainer(this);
    on_event_ = nullptr;
    const auto groups = [&](uint64_t step) {
      std::vector<TrainingGroup> both(2);
      both[0].group_id = Group(2 * step).group_id();
      both[1].group_id = Group(2 * step + 1).group_id();
      return both;
    };
    for (uint64_t step = 0; step < steps; ++step) {
      for (const TrainingGroup& group : groups(step)) (void)trainer.Apply({&group, 1}, 0, nullptr);
    }
    return trainer.digest;
  }
  std::optional<uint64_t> SavedStep() {
    const auto newest = store_.Newest();
    if (!newest) return std::nullopt;
    return CheckpointStore::LoadState(*newest)->step;
  }
  size_t SavedDigest() { return std::stoull(*ReadFile(*store_.Newest() + "/weights")); }
  std::vector<uint64_t> Rows() const {
    std::vector<uint64_t> steps;
    for (const StepMetrics& row : journal_.rows) steps.push_back(row.step);
    return steps;
  }
  int Count(const std::string& event) const {
    return static_cast<int>(std::count(events_.begin(), events_.end(), event));
  }

  const TempDir dir_;
  absl::Time now_ = absl::UnixEpoch();
  TrainingLoop::Options options_;
  std::function<void(const std::string&)> on_event_;
  std::vector<std::string> events_;
  bool all_correct_ = false;
  bool with_evaluation_ = false;
  std::unique_ptr<StopSignal> stop_ = std::make_unique<StopSignal>();
  FatalCause fatal_;
  RunControl control_{RunControl::Options{},
                      {.on_worker_registered = [](const std::string&) {},
                       .on_heartbeat = [](const std::string&, const std::vector<std::string>&, absl::Time) {},
                       .on_worker_ended = [](const std::string&) {},
                       .on_tick = [](absl::Time) {}}};
  const std::unique_ptr<AdvantageEstimator> advantage_ = *MakeAdvantageEstimator({});
  const LearningRateSchedule learning_rate_{{}, 4};
  FakeBook book_{this};
  FakeSource source_{this};
  FakeTrainer trainer_{this};
  FakePublisher publisher_;
  FakeEvaluation evaluation_{this};
  FakeJournal journal_{this};
  CheckpointStore store_{{.folder = dir_.File("checkpoints"), .keep = 0}};
};

}  // namespace maspo
