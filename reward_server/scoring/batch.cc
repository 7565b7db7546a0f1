#include "reward_server/scoring/batch.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace maspo {

std::optional<size_t> Batch::Claim() {
  SteadyLock lock(&mutex_);
  if (!status_.ok() || claimed_ == size_) return std::nullopt;
  return claimed_++;
}

void Batch::Report(size_t index, v1::VerifiedAnswer answer) {
  SteadyLock lock(&mutex_);
  answers_[index] = std::move(answer);
  ++answered_;
}

void Batch::Abandon(const absl::Status& why) {
  SteadyLock lock(&mutex_);
  status_.Update(why);
}

absl::StatusOr<std::vector<v1::VerifiedAnswer>> Batch::Wait(absl::Time deadline) {
  SteadyLock lock(&mutex_);
  if (!mutex_.AwaitUntil([this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return IsOver(); }, deadline)) {
    status_.Update(absl::DeadlineExceededError(
        absl::StrCat("verified ", answered_, " of ", size_, " answers before the deadline")));
  }
  const auto nothing_is_claimed = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return NothingIsClaimed(); };
  mutex_.Await(nothing_is_claimed);  // One answer's time at most.
  if (!status_.ok()) return status_;
  return std::move(answers_);
}

}  // namespace maspo
