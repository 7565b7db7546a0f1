#include "reward_server/scoring/batch.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace maspo {

std::optional<size_t> Batch::Claim() {
  absl::MutexLock lock(&mutex_);
  if (!status_.ok() || claimed_ == size_) return std::nullopt;
  return claimed_++;
}

void Batch::Report(size_t index, v1::VerifiedAnswer answer) {
  absl::MutexLock lock(&mutex_);
  answers_[index] = std::move(answer);
  ++answered_;
}

void Batch::Abandon(const absl::Status& why) {
  absl::MutexLock lock(&mutex_);
  status_.Update(why);
}

absl::StatusOr<std::vector<v1::VerifiedAnswer>> Batch::Wait(absl::Time deadline) {
  absl::MutexLock lock(&mutex_);
  if (!mutex_.AwaitWithDeadline(absl::Condition(this, &Batch::IsOver), deadline)) {
    status_.Update(absl::DeadlineExceededError(
        absl::StrCat("verified ", answered_, " of ", size_, " answers before the deadline")));
  }
  mutex_.Await(absl::Condition(this, &Batch::NothingIsClaimed));  // One answer's time at most.
  if (!status_.ok()) return status_;
  return std::move(answers_);
}

}  // namespace maspo
