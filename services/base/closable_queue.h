#pragma once

#include <cstddef>
#include <deque>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/base/status_macros.h"
#include "services/base/steady_mutex.h"

namespace maspo {

// A bounded first-in first-out queue between threads that ends cleanly.
//
//   Push() -> at most `capacity` items -> Pop()
//
// After Close() every Push() is Cancelled; Pop() still hands out what is queued and is Cancelled once nothing is left.
// DeadlineExceeded: no room, or no item, before the deadline. absl::InfinitePast() never waits.
//
// Thread-safe; any number of producers and consumers.
template <typename T>
class ClosableQueue {
 public:
  explicit ClosableQueue(size_t capacity) : capacity_(capacity) { MASPO_CHECK(capacity > 0); }

  // Moves from `item` only on success.
  absl::Status Push(T&& item, absl::Time deadline) {
    SteadyLock lock(&mutex_);
    mutex_.AwaitUntil([this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return PushCanReturn(); }, deadline);
    if (closed_) return absl::CancelledError("the queue is closed");
    if (items_.size() >= capacity_) return absl::DeadlineExceededError("the queue stayed full until the deadline");
    items_.push_back(std::move(item));
    return absl::OkStatus();
  }

  absl::StatusOr<T> Pop(absl::Time deadline) {
    SteadyLock lock(&mutex_);
    mutex_.AwaitUntil([this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return PopCanReturn(); }, deadline);
    if (items_.empty()) {
      if (closed_) return absl::CancelledError("the queue is closed");
      return absl::DeadlineExceededError("the queue stayed empty until the deadline");
    }
    T item = std::move(items_.front());
    items_.pop_front();
    return item;
  }

  // Wakes every waiter. Closing twice is the same as once.
  void Close() {
    SteadyLock lock(&mutex_);
    closed_ = true;
  }

  size_t size() const {
    SteadyLock lock(&mutex_);
    return items_.size();
  }

 private:
  bool PushCanReturn() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return closed_ || items_.size() < capacity_; }
  bool PopCanReturn() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return closed_ || !items_.empty(); }

  const size_t capacity_;
  mutable SteadyMutex mutex_;  // Guards everything below.
  std::deque<T> items_ ABSL_GUARDED_BY(mutex_);
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace maspo
