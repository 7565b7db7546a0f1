#pragma once

#include <iterator>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "services/weights/parking_weight_channel.h"

namespace maspo {

// Stands for the learner's publisher: gives the plan that a test sets to whoever serves an older version, and keeps the
// acknowledgements.
class FakeWeightChannel final : public ParkingWeightChannel {
 public:
  void Publish(v1::BroadcastPlan plan) {
    PendingAnswers answers;
    absl::MutexLock lock(&mutex_);
    plan_ = std::move(plan);
    Serve(answers);
  }
  // Every waiting and later call returns this, until it is ok again.
  void Answer(absl::Status status) {
    PendingAnswers answers;
    absl::MutexLock lock(&mutex_);
    status_ = std::move(status);
    Serve(answers);
  }
  std::vector<v1::AcknowledgeRequest> acknowledgements() const {
    absl::MutexLock lock(&mutex_);
    return acknowledgements_;
  }
  // Calls of Join() that wait now.
  int waiting() const {
    absl::MutexLock lock(&mutex_);
    return static_cast<int>(joining_.size());
  }

  Ticket Park(const std::string&, int64_t served_version, maspo::Answer<MaybePlan> answer) override {
    PendingAnswers answers;
    absl::MutexLock lock(&mutex_);
    joining_[++tickets_] = {served_version, std::move(answer)};
    const Ticket ticket = tickets_;
    Serve(answers);
    return ticket;
  }
  bool Withdraw(Ticket ticket) override {
    absl::MutexLock lock(&mutex_);
    return joining_.erase(ticket) > 0;
  }

  absl::Status Acknowledge(const v1::AcknowledgeRequest& acknowledgement) override {
    absl::MutexLock lock(&mutex_);
    acknowledgements_.push_back(acknowledgement);
    return status_;
  }

 private:
  struct Joining {
    int64_t served_version = -1;
    maspo::Answer<MaybePlan> answer;
  };

  void Serve(PendingAnswers& answers) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    for (auto it = joining_.begin(); it != joining_.end();) {
      const bool has_newer = plan_.has_value() && plan_->manifest().policy_version() > it->second.served_version;
      if (!status_.ok()) answers.Add<MaybePlan>(it->second.answer, status_);
      if (status_.ok() && has_newer) answers.Add<MaybePlan>(it->second.answer, MaybePlan(plan_));
      it = !status_.ok() || has_newer ? joining_.erase(it) : std::next(it);
    }
  }

  mutable absl::Mutex mutex_;
  Ticket tickets_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<Ticket, Joining> joining_ ABSL_GUARDED_BY(mutex_);
  MaybePlan plan_ ABSL_GUARDED_BY(mutex_);
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
  std::vector<v1::AcknowledgeRequest> acknowledgements_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace maspo
