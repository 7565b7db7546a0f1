#include "learner/buffer/trajectory_buffer.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "learner/buffer/group_check.h"
#include "services/base/log.h"
#include "services/base/status_macros.h"
#include "services/base/steady_clock.h"

namespace maspo {

absl::Status TrajectoryBuffer::Offer(v1::TrajectoryGroup group, absl::Time) {
  if (group.group_id().empty() || group.worker_id().empty()) {
    return absl::InvalidArgumentError("a submitted group needs group_id and worker_id");
  }
  const absl::StatusOr<v1::PromptGroup> issued = registry_->Find(group.worker_id(), group.group_id());
  if (absl::IsAlreadyExists(issued.status())) {
    SteadyLock lock(&mutex_);
    ++stats_.duplicates;
  }
  MASPO_RETURN_IF_ERROR(issued.status());
  MASPO_RETURN_IF_ERROR(CheckResult(*issued, group, options_.vocab_size));
  return issued->purpose() == v1::PURPOSE_TRAIN ? OfferTraining(std::move(group)) : OfferEvaluation(std::move(group));
}

absl::Status TrajectoryBuffer::OfferEvaluation(v1::TrajectoryGroup group) {
  SteadyLock lock(&mutex_);
  if (!closed_.ok()) return closed_;
  MASPO_RETURN_IF_ERROR(registry_->Accept(group));
  evaluation_->Add(std::move(group));
  return absl::OkStatus();
}

absl::Status TrajectoryBuffer::OfferTraining(v1::TrajectoryGroup group) {
  SteadyLock lock(&mutex_);
  if (!closed_.ok()) return closed_;
  MASPO_RETURN_IF_ERROR(CheckVersions(group));
  if (waiting_.size() >= options_.capacity_groups) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the buffer holds ", waiting_.size(), " groups already; submit again"));
  }
  MASPO_RETURN_IF_ERROR(registry_->Accept(group));
  ++stats_.admitted;
  for (const v1::Trajectory& trajectory : group.trajectories()) stats_.admitted_tokens += trajectory.token_ids_size();
  std::string group_id = group.group_id();
  const LogGroup about(group_id);
  spdlog::debug("group {} of {} is admitted", group_id, group.worker_id());
  waiting_.emplace(std::move(group_id), Waiting{std::move(group), SteadyNow()});
  return absl::OkStatus();
}

absl::Status TrajectoryBuffer::CheckVersions(const v1::TrajectoryGroup& group) {
  const VersionRange versions = VersionsOf(group);
  if (versions.newest > static_cast<int64_t>(policy_version_)) {
    MASPO_RETURN_IF_ERROR(registry_->EndLease(group.worker_id(), group.group_id(), "unknown_version"));
    return absl::FailedPreconditionError(
        absl::StrCat("group ", group.group_id(), " was sampled by policy version ", versions.newest,
                     ", which this learner has not published (it is at ", policy_version_, ")"));
  }
  if (StalenessOf(group) > options_.max_staleness) {
    ++stats_.refused_too_old;
    MASPO_RETURN_IF_ERROR(registry_->EndLease(group.worker_id(), group.group_id(), "too_old"));
    return absl::FailedPreconditionError(absl::StrCat("group ", group.group_id(), " was sampled by policy version ",
                                                      versions.oldest, ", more than ", options_.max_staleness,
                                                      " behind version ", policy_version_));
  }
  return absl::OkStatus();
}

// Versions that the oldest token of the group is behind.
uint64_t TrajectoryBuffer::StalenessOf(const v1::TrajectoryGroup& group) const {
  const VersionRange versions = VersionsOf(group);
  return policy_version_ - std::min(static_cast<uint64_t>(versions.oldest), policy_version_);
}

absl::Status TrajectoryBuffer::EvictTooOld() {
  for (auto it = waiting_.begin(); it != waiting_.end();) {
    if (StalenessOf(it->second.group) <= options_.max_staleness) {
      ++it;
      continue;
    }
    MASPO_RETURN_IF_ERROR(registry_->Reopen(it->first, "too_old"));
    ++stats_.evicted_too_old;
    it = waiting_.erase(it);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<v1::TrajectoryGroup>> TrajectoryBuffer::TakeStep(uint64_t num_groups, absl::Time deadline) {
  SteadyLock lock(&mutex_);
  const auto enough = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return !closed_.ok() || waiting_.size() >= num_groups;
  };
  while (true) {
    if (!closed_.ok()) return closed_;
    MASPO_RETURN_IF_ERROR(EvictTooOld());
    if (waiting_.size() >= num_groups) break;
    stats_.is_awaited = true;
    const bool is_enough = mutex_.AwaitUntil(enough, deadline);
    stats_.is_awaited = false;
    if (!is_enough) {
      return absl::DeadlineExceededError(
          absl::StrCat("the buffer holds ", waiting_.size(), " of ", num_groups, " groups"));
    }
  }
  std::vector<v1::TrajectoryGroup> step;
  step.reserve(num_groups);
  while (step.size() < num_groups) {
    step.push_back(std::move(waiting_.extract(waiting_.begin()).mapped().group));
    ++stats_.taken_by_staleness[StalenessOf(step.back())];
  }
  return step;
}

void TrajectoryBuffer::OnVersion(uint64_t policy_version) {
  SteadyLock lock(&mutex_);
  policy_version_ = policy_version;
}

StepSource::Arrivals TrajectoryBuffer::arrivals() const {
  SteadyLock lock(&mutex_);
  return {.waiting = waiting_.size(), .groups = stats_.admitted, .response_tokens = stats_.admitted_tokens};
}

void TrajectoryBuffer::Close(absl::Status why) {
  SteadyLock lock(&mutex_);
  closed_ = std::move(why);
}

TrajectoryBuffer::Stats TrajectoryBuffer::stats() const {
  SteadyLock lock(&mutex_);
  Stats stats = stats_;
  stats.waiting = waiting_.size();
  absl::Time oldest = absl::InfiniteFuture();
  for (const auto& [id, waiting] : waiting_) oldest = std::min(oldest, waiting.since);
  if (!waiting_.empty()) stats.oldest_wait = SteadyNow() - oldest;
  return stats;
}

}  // namespace maspo
