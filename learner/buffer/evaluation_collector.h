#pragma once

#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "proto/trajectory.pb.h"
#include "services/base/steady_mutex.h"

namespace maspo {

// Gathers the results of one round of held-out groups at a time.
//
//   Expect(ids) -> Add() or Drop() for each of them -> Wait() returns the results and ends the round
//
// A result that no round expects is ignored. Thread-safe; Wait has one caller.
class EvaluationCollector {
 public:
  void Expect(const std::vector<std::string>& group_ids);
  void Add(v1::TrajectoryGroup group);
  // The group was given up: the round goes on without it.
  void Drop(const std::string& group_id);

  // Results in order of group id; fewer than expected when groups were dropped. Aborted: all were.
  // DeadlineExceeded: some are still missing (the round goes on). Otherwise what Close() said.
  absl::StatusOr<std::vector<v1::TrajectoryGroup>> Wait(absl::Time deadline);

  size_t missing() const;
  bool is_awaited() const;  // Wait() waits.
  void Close(absl::Status why = absl::UnavailableError("the learner has stopped"));

 private:
  mutable SteadyMutex mutex_;  // Guards everything below.
  size_t expected_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::flat_hash_set<std::string> missing_ ABSL_GUARDED_BY(mutex_);
  std::vector<v1::TrajectoryGroup> results_ ABSL_GUARDED_BY(mutex_);
  bool is_awaited_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status closed_ ABSL_GUARDED_BY(mutex_);  // Ok while it is open.
};

}  // namespace maspo
