#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "proto/reward.pb.h"
#include "services/base/steady_mutex.h"

namespace maspo {

// The items of one ScoringPool::Score() and their answers, shared by the caller and the threads that work on it.
//
//   thread: Claim() -> item() -> Report(), until nothing is left        caller: Wait()
//
// The items are the caller's. Threads read them only between Claim() and Report(), and Wait() returns only when no item
// is claimed any more, so the caller may drop them then.
//
// Thread-safe.
class Batch {
 public:
  explicit Batch(const std::vector<v1::VerifyItem>& items) : size_(items.size()), items_(items), answers_(size_) {}

  // The index of the next item to verify; nothing when all are claimed or the batch is abandoned.
  std::optional<size_t> Claim();
  const v1::VerifyItem& item(size_t index) const { return items_[index]; }
  void Report(size_t index, v1::VerifiedAnswer answer);

  // Items not yet claimed stay unverified, and Wait() returns `why`.
  void Abandon(const absl::Status& why);

  // All answers, in order. DeadlineExceeded: the batch took longer and was abandoned.
  absl::StatusOr<std::vector<v1::VerifiedAnswer>> Wait(absl::Time deadline);

 private:
  bool IsOver() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return !status_.ok() || answered_ == size_; }
  bool NothingIsClaimed() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return claimed_ == answered_; }

  const size_t size_;
  const std::vector<v1::VerifyItem>& items_;  // The caller's: gone after Wait().
  SteadyMutex mutex_;                         // Guards everything below.
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
  size_t claimed_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t answered_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<v1::VerifiedAnswer> answers_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace maspo
