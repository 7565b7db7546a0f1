#pragma once

#include <deque>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "services/trajectory/trajectory_sink.h"

namespace maspo {

// Stands for the learner's buffer: accepts every group and keeps it, after answering with the statuses that a test
// lined up.
class FakeTrajectorySink final : public TrajectorySink {
 public:
  // The next call is refused with this status.
  void RefuseNext(absl::Status status) {
    absl::MutexLock lock(&mutex_);
    refusals_.push_back(std::move(status));
  }
  std::vector<v1::TrajectoryGroup> groups() const {
    absl::MutexLock lock(&mutex_);
    return groups_;
  }
  bool AwaitGroups(size_t count, absl::Duration timeout) const {
    absl::MutexLock lock(&mutex_);
    const auto arrived = [this, count]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return groups_.size() >= count; };
    return mutex_.AwaitWithTimeout(absl::Condition(&arrived), timeout);
  }

  absl::Status Offer(v1::TrajectoryGroup group, absl::Time) override {
    absl::MutexLock lock(&mutex_);
    if (!refusals_.empty()) {
      const absl::Status status = std::move(refusals_.front());
      refusals_.pop_front();
      return status;
    }
    groups_.push_back(std::move(group));
    return absl::OkStatus();
  }

 private:
  mutable absl::Mutex mutex_;
  std::deque<absl::Status> refusals_ ABSL_GUARDED_BY(mutex_);
  std::vector<v1::TrajectoryGroup> groups_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace maspo
