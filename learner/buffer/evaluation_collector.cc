#include "learner/buffer/evaluation_collector.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace maspo {

void EvaluationCollector::Expect(const std::vector<std::string>& group_ids) {
  absl::MutexLock lock(&mutex_);
  missing_.clear();
  missing_.insert(group_ids.begin(), group_ids.end());
  results_.clear();
}

void EvaluationCollector::Add(v1::TrajectoryGroup group) {
  absl::MutexLock lock(&mutex_);
  if (missing_.erase(group.group_id()) > 0) results_.push_back(std::move(group));
}

void EvaluationCollector::Drop(const std::string& group_id) {
  absl::MutexLock lock(&mutex_);
  missing_.erase(group_id);
}

absl::StatusOr<std::vector<v1::TrajectoryGroup>> EvaluationCollector::Wait(absl::Time deadline) {
  absl::MutexLock lock(&mutex_);
  const auto done = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return !closed_.ok() || missing_.empty(); };
  mutex_.AwaitWithDeadline(absl::Condition(&done), deadline);
  if (!closed_.ok()) return closed_;
  if (!missing_.empty()) {
    return absl::DeadlineExceededError(absl::StrCat(missing_.size(), " held-out groups are missing"));
  }
  std::vector<v1::TrajectoryGroup> results = std::move(results_);
  results_.clear();
  std::sort(results.begin(), results.end(), [](const auto& a, const auto& b) { return a.group_id() < b.group_id(); });
  return results;
}

size_t EvaluationCollector::missing() const {
  absl::MutexLock lock(&mutex_);
  return missing_.size();
}

void EvaluationCollector::Close(absl::Status why) {
  absl::MutexLock lock(&mutex_);
  closed_ = std::move(why);
}

}  // namespace maspo
