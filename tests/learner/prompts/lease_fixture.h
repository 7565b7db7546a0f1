#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "learner/prompts/lease_queue.h"
#include "tests/support/fake_prompt_source.h"
#include "tests/support/temp_dir.h"

namespace maspo {

// A lease queue and its book over a small data set, with a clock that the test moves and results for what is leased.
class LeaseFixture : public testing::Test {
 protected:
  static constexpr uint32_t kGroupSize = 2;

  LeaseFixture() {
    book_options_.gate = {.max_staleness = 0, .groups_per_step = 4, .total_steps = 3};
    book_options_.group_size = kGroupSize;
    book_options_.sampling.set_max_new_tokens(4);
    options_.lease_ttl = absl::Seconds(6);
    options_.now = [this] { return now_; };
    options_.on_evaluation_dropped = [this](const std::string& id) { dropped_evaluation_.push_back(id); };
  }

  PromptDataset Dataset(int problems = 5) {
    std::string rows;
    for (int i = 0; i < problems; ++i)
      absl::StrAppend(&rows, "{\"id\":\"p", i, "\",\"problem\":\"q\",\"answer\":\"1\"}\n");
    auto dataset = PromptDataset::Load({dir_.Write("train.jsonl", rows)});
    EXPECT_TRUE(dataset.ok());
    EXPECT_TRUE(dataset->Encode([](const PromptProblem&) { return std::vector<int64_t>{1, 2}; }, 8).ok());
    return *std::move(dataset);
  }

  // Builds ledger, book and queue; again after a change of options_, or to resume.
  void Start(uint64_t policy_version = 0) {
    queue_.reset();
    book_.reset();
    ledger_.reset();
    auto ledger = Ledger::Open(dir_.File("ledger.jsonl"));
    ASSERT_TRUE(ledger.ok()) << ledger.status();
    ledger_ = *std::move(ledger);
    auto book = GroupBook::Create(Dataset(), ledger_.get(), &fatal_, policy_version, book_options_);
    ASSERT_TRUE(book.ok()) << book.status();
    book_ = *std::move(book);
    auto queue = LeaseQueue::Create(book_.get(), &fatal_, options_);
    ASSERT_TRUE(queue.ok()) << queue.status();
    queue_ = *std::move(queue);
    for (const char* worker : {"w1", "w2"}) queue_->AddWorker(worker);
  }

  // What the worker gets at once, by group id.
  std::vector<std::string> Take(const std::string& worker, int max_groups) {
    std::vector<std::string> ids;
    for (const v1::Lease& lease : Leases(worker, max_groups)) ids.push_back(lease.group().group_id());
    return ids;
  }
  std::vector<v1::Lease> Leases(const std::string& worker, int max_groups) {
    auto leases = queue_->Acquire(worker, max_groups, absl::InfinitePast());
    EXPECT_TRUE(leases.ok()) << leases.status();
    return leases.ok() ? *std::move(leases) : std::vector<v1::Lease>();
  }
  // Everything there is, for one worker, whatever its share.
  std::vector<std::string> TakeAll(const std::string& worker) {
    std::vector<std::string> all;
    for (std::vector<std::string> some; !(some = Take(worker, 100)).empty();)
      all.insert(all.end(), some.begin(), some.end());
    return all;
  }

  static v1::TrajectoryGroup Result(const std::string& worker, const std::string& group_id, int64_t version = 0) {
    v1::TrajectoryGroup group;
    group.set_group_id(group_id);
    group.set_worker_id(worker);
    group.set_purpose(group_id.starts_with("eval") ? v1::PURPOSE_EVAL : v1::PURPOSE_TRAIN);
    group.add_prompt_token_ids(1);
    group.add_prompt_token_ids(2);
    for (uint32_t i = 0; i < kGroupSize; ++i) {
      v1::Trajectory& trajectory = *group.add_trajectories();
      trajectory.set_sample_index(i);
      trajectory.add_token_ids(3);
      trajectory.add_behavior_logprobs(-0.5);
      v1::PolicyVersionRun& run = *trajectory.add_version_runs();
      run.set_policy_version(version);
      run.set_num_tokens(1);
      trajectory.set_verdict(i == 0 ? v1::VERDICT_CORRECT : v1::VERDICT_WRONG);
      trajectory.set_reward(i == 0 ? 1 : -1);
    }
    return group;
  }

  TempDir dir_;
  absl::Time now_ = absl::UnixEpoch();
  FatalCause fatal_;
  GroupBook::Options book_options_;
  LeaseQueue::Options options_;
  std::vector<std::string> dropped_evaluation_;
  std::unique_ptr<Ledger> ledger_;
  std::unique_ptr<GroupBook> book_;
  std::unique_ptr<LeaseQueue> queue_;
};

}  // namespace maspo
