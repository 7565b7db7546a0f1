#include "learner/buffer/evaluation_collector.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace maspo {

void EvaluationCollector::Expect(const std::vector<std::string>& group_ids) {
  SteadyLock lock(&mutex_);
  missing_.clear();
  missing_.insert(group_ids.begin(), group_ids.end());
  expected_ = group_ids.size();
  results_.clear();
}

void EvaluationCollector::Add(v1::TrajectoryGroup group) {
  SteadyLock lock(&mutex_);
  if (missing_.erase(group.group_id()) > 0) results_.push_back(std::move(group));
}

void EvaluationCollector::Drop(const std::string& group_id) {
  SteadyLock lock(&mutex_);
  missing_.erase(group_id);
}

absl::StatusOr<std::vector<v1::TrajectoryGroup>> EvaluationCollector::Wait(absl::Time deadline) {
  SteadyLock lock(&mutex_);
  const auto done = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return !closed_.ok() || missing_.empty(); };
  is_awaited_ = true;
  mutex_.AwaitUntil(done, deadline);
  is_awaited_ = false;
  if (!closed_.ok()) return closed_;
  if (!missing_.empty()) {
    return absl::DeadlineExceededError(absl::StrCat(missing_.size(), " held-out groups are missing"));
  }
  if (results_.empty() && expected_ > 0) {
    return absl::AbortedError(absl::StrCat("none of the ", expected_,
                                           " held-out groups was answered and judged, so there is no accuracy; the "
                                           "logs of the workers and reward servers say why"));
  }
  std::vector<v1::TrajectoryGroup> results = std::move(results_);
  results_.clear();
  std::sort(results.begin(), results.end(), [](const auto& a, const auto& b) { return a.group_id() < b.group_id(); });
  return results;
}

size_t EvaluationCollector::missing() const {
  SteadyLock lock(&mutex_);
  return missing_.size();
}

bool EvaluationCollector::is_awaited() const {
  SteadyLock lock(&mutex_);
  return is_awaited_;
}

void EvaluationCollector::Close(absl::Status why) {
  SteadyLock lock(&mutex_);
  closed_ = std::move(why);
}

}  // namespace maspo
