#pragma once

#include <deque>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "services/prompts/parking_prompt_source.h"

namespace maspo {

// Stands for the learner's prompts: hands out the leases that a test gives it, in order, and keeps what comes back.
class FakePromptSource final : public ParkingPromptSource {
 public:
  using Leases = std::vector<v1::Lease>;

  void Give(v1::Lease lease) {
    PendingAnswers answers;
    absl::MutexLock lock(&mutex_);
    leases_.push_back(std::move(lease));
    Serve(answers);
  }
  // A lease whose group has just this id.
  void Give(const std::string& group_id) {
    v1::Lease lease;
    lease.mutable_group()->set_group_id(group_id);
    Give(std::move(lease));
  }
  // Every waiting and later call returns this, until it is ok again.
  void Answer(absl::Status status) {
    PendingAnswers answers;
    absl::MutexLock lock(&mutex_);
    status_ = std::move(status);
    Serve(answers);
  }
  std::vector<v1::ReleaseRequest> returned() const {
    absl::MutexLock lock(&mutex_);
    return returned_;
  }
  // Ids of groups whose leases never reached their worker.
  std::vector<std::string> undelivered() const {
    absl::MutexLock lock(&mutex_);
    return undelivered_;
  }
  // Calls that wait now.
  int waiting() const {
    absl::MutexLock lock(&mutex_);
    return static_cast<int>(asking_.size());
  }

  Ticket Park(const std::string&, int max_groups, maspo::Answer<Leases> answer) override {
    PendingAnswers answers;
    absl::MutexLock lock(&mutex_);
    asking_[++tickets_] = {max_groups, std::move(answer)};
    const Ticket ticket = tickets_;
    Serve(answers);
    return ticket;
  }
  bool Withdraw(Ticket ticket) override {
    absl::MutexLock lock(&mutex_);
    return asking_.erase(ticket) > 0;
  }
  void TakeBackUndelivered(const std::string&, const Leases& leases) override {
    absl::MutexLock lock(&mutex_);
    for (const v1::Lease& lease : leases) undelivered_.push_back(lease.group().group_id());
  }

  absl::Status Release(const v1::ReleaseRequest& release) override {
    absl::MutexLock lock(&mutex_);
    if (!status_.ok()) return status_;
    returned_.push_back(release);
    return absl::OkStatus();
  }

 private:
  struct Asking {
    int max_groups = 0;
    maspo::Answer<Leases> answer;
  };

  void Serve(PendingAnswers& answers) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    while (!asking_.empty() && (!status_.ok() || !leases_.empty())) {
      Asking asking = std::move(asking_.extract(asking_.begin()).mapped());
      if (!status_.ok()) {
        answers.Add<Leases>(std::move(asking.answer), status_);
        continue;
      }
      Leases granted;
      while (!leases_.empty() && static_cast<int>(granted.size()) < asking.max_groups) {
        granted.push_back(std::move(leases_.front()));
        leases_.pop_front();
      }
      answers.Add<Leases>(std::move(asking.answer), std::move(granted));
    }
  }

  mutable absl::Mutex mutex_;
  Ticket tickets_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<Ticket, Asking> asking_ ABSL_GUARDED_BY(mutex_);
  std::deque<v1::Lease> leases_ ABSL_GUARDED_BY(mutex_);
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
  std::vector<v1::ReleaseRequest> returned_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> undelivered_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace maspo
