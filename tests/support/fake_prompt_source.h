#pragma once

#include <algorithm>
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "services/prompts/prompt_source.h"

namespace maspo {

// Stands for the learner's prompts: hands out the leases that a test gives it, in order, and keeps what comes back.
class FakePromptSource final : public PromptSource {
 public:
  struct Returned {
    std::string worker_id, group_id, reason, message;
  };

  void Give(v1::Lease lease) {
    absl::MutexLock lock(&mutex_);
    leases_.push_back(std::move(lease));
  }
  // A lease whose group has just this id.
  void Give(const std::string& group_id) {
    v1::Lease lease;
    lease.mutable_group()->set_group_id(group_id);
    Give(std::move(lease));
  }
  // Every waiting and later call returns this, until it is ok again.
  void Answer(absl::Status status) {
    absl::MutexLock lock(&mutex_);
    status_ = std::move(status);
  }
  std::vector<Returned> returned() const {
    absl::MutexLock lock(&mutex_);
    return returned_;
  }
  // Calls of Acquire() that wait now.
  int waiting() const {
    absl::MutexLock lock(&mutex_);
    return waiting_;
  }

  absl::StatusOr<std::vector<v1::Lease>> Acquire(const std::string&, int max_groups, absl::Time deadline) override {
    absl::MutexLock lock(&mutex_);
    ++waiting_;
    mutex_.AwaitWithDeadline(absl::Condition(this, &FakePromptSource::CanReturn), deadline);
    --waiting_;
    if (!status_.ok()) return status_;
    std::vector<v1::Lease> granted;
    while (!leases_.empty() && static_cast<int>(granted.size()) < max_groups) {
      granted.push_back(std::move(leases_.front()));
      leases_.pop_front();
    }
    return granted;
  }

  absl::Status Release(const std::string& worker_id, const std::string& group_id, const std::string& reason,
                       const std::string& message) override {
    absl::MutexLock lock(&mutex_);
    if (!status_.ok()) return status_;
    returned_.push_back({worker_id, group_id, reason, message});
    return absl::OkStatus();
  }

 private:
  bool CanReturn() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return !status_.ok() || !leases_.empty(); }

  mutable absl::Mutex mutex_;
  std::deque<v1::Lease> leases_ ABSL_GUARDED_BY(mutex_);
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
  std::vector<Returned> returned_ ABSL_GUARDED_BY(mutex_);
  int waiting_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace maspo
