#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "services/weights/weight_channel.h"

namespace maspo {

// Stands for the learner's publisher: gives the plan that a test sets to whoever serves an older version, and keeps the
// acknowledgements.
class FakeWeightChannel final : public WeightChannel {
 public:
  void Publish(v1::BroadcastPlan plan) {
    absl::MutexLock lock(&mutex_);
    plan_ = std::move(plan);
  }
  // Every waiting and later call returns this, until it is ok again.
  void Answer(absl::Status status) {
    absl::MutexLock lock(&mutex_);
    status_ = std::move(status);
  }
  std::vector<v1::AcknowledgeRequest> acknowledgements() const {
    absl::MutexLock lock(&mutex_);
    return acknowledgements_;
  }

  absl::StatusOr<std::optional<v1::BroadcastPlan>> Join(const std::string&, int64_t served_version,
                                                        absl::Time deadline) override {
    absl::MutexLock lock(&mutex_);
    const auto newer = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      return plan_.has_value() && plan_->manifest().policy_version() > served_version;
    };
    const auto can_return = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return !status_.ok() || newer(); };
    mutex_.AwaitWithDeadline(absl::Condition(&can_return), deadline);
    if (!status_.ok()) return status_;
    if (!newer()) return std::nullopt;
    return plan_;
  }

  absl::Status Acknowledge(const v1::AcknowledgeRequest& acknowledgement) override {
    absl::MutexLock lock(&mutex_);
    acknowledgements_.push_back(acknowledgement);
    return status_;
  }

 private:
  mutable absl::Mutex mutex_;
  std::optional<v1::BroadcastPlan> plan_ ABSL_GUARDED_BY(mutex_);
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
  std::vector<v1::AcknowledgeRequest> acknowledgements_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace maspo
