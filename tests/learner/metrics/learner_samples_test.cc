#include "learner/metrics/learner_samples.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

namespace maspo {
namespace {

using ::testing::Contains;
using ::testing::IsSupersetOf;
using ::testing::Not;
using ::testing::StartsWith;

// "name{label=value} number", sorted labels.
std::vector<std::string> Lines(const LearnerSnapshot& snapshot) {
  std::vector<std::string> lines;
  for (const MetricSample& sample : LearnerSamples(snapshot)) {
    std::string line = sample.name;
    for (const auto& [name, value] : sample.labels) absl::StrAppend(&line, " ", name, "=", value);
    lines.push_back(absl::StrCat(line, " ", sample.value));
  }
  return lines;
}

TEST(LearnerSamplesTest, TellsProgressWorkersQueuesAndBooks) {
  LearnerSnapshot snapshot;
  snapshot.status.set_step(3);
  snapshot.status.set_total_steps(100);
  snapshot.status.set_phase("update");
  v1::WorkerSummary& worker = *snapshot.status.add_workers();
  worker.set_worker_name("w");
  worker.set_seconds_since_heartbeat(0.5);
  worker.mutable_status()->set_groups_in_flight(4);
  snapshot.leases.leased = 9;
  snapshot.buffer.waiting = 2;
  snapshot.buffer.oldest_wait = absl::Seconds(7);
  snapshot.buffer.taken_by_staleness = {{0, 30}, {1, 18}};
  snapshot.ledger.issued = 60;
  snapshot.ledger.dropped_by_reason = {{"too_old", 1}, {"unscorable", 2}};
  EXPECT_THAT(Lines(snapshot),
              IsSupersetOf({"maspo_learner_step 3", "maspo_learner_planned_steps 100",
                            "maspo_learner_phase phase=update 1", "maspo_learner_phase phase=rollout 0",
                            "maspo_learner_workers 1", "maspo_learner_worker_heartbeat_age_seconds worker=w 0.5",
                            "maspo_learner_worker_leased_groups worker=w 4", "maspo_learner_leased_groups 9",
                            "maspo_learner_buffered_groups 2", "maspo_learner_buffer_oldest_seconds 7",
                            "maspo_learner_taken_groups_total versions_behind=1 18",
                            "maspo_ledger_groups_total stage=issued 60", "maspo_ledger_groups_total stage=dropped 3"}));
}

TEST(LearnerSamplesTest, WhatIsNotKnownIsAbsent) {
  LearnerSnapshot snapshot;
  EXPECT_THAT(Lines(snapshot), Not(Contains(StartsWith("maspo_learner_run_dir_free_bytes"))));
  EXPECT_THAT(Lines(snapshot), Not(Contains(StartsWith("maspo_learner_worker_"))));
  snapshot.run_dir_free_bytes = 5;
  EXPECT_THAT(Lines(snapshot), Contains("maspo_learner_run_dir_free_bytes 5"));
}

}  // namespace
}  // namespace maspo
