#pragma once

#include <condition_variable>
#include <mutex>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/time/time.h"
#include "services/base/steady_clock.h"

namespace maspo {

// A mutex to wait under, as absl::Mutex is, but by the steady clock: absl's timed waits end at a time of the machine's
// clock, so that a clock set back by an hour makes them an hour longer.
//
//   SteadyLock lock(&mutex_);
//   mutex_.AwaitUntil(condition, deadline)   releases the mutex until the condition holds or the deadline passes
//
// Conditions are looked at again whenever somebody releases the mutex, so nobody has to be told of a change. That costs
// one wake-up a waiter and release: meant for a few waiters, not for hundreds.
class ABSL_LOCKABLE SteadyMutex {
 public:
  using Condition = absl::FunctionRef<bool()>;

  void Lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() { mutex_.lock(); }

  void Unlock() ABSL_UNLOCK_FUNCTION() {
    const bool somebody_waits = waiters_ > 0;
    mutex_.unlock();
    if (somebody_waits) changed_.notify_all();
  }

  // Whether the condition holds, which it may also do after the deadline. Called, and returns, with the mutex held.
  bool AwaitUntil(Condition condition, absl::Time deadline) ABSL_EXCLUSIVE_LOCKS_REQUIRED(this) {
    if (condition()) return true;
    std::unique_lock<std::mutex> lock(mutex_, std::adopt_lock);
    if (waiters_++ > 0) changed_.notify_all();  // What the caller changed before it began to wait.
    const bool holds = changed_.wait_until(lock, ToSteadyChrono(deadline), condition);
    --waiters_;
    lock.release();
    return holds;
  }

  bool AwaitFor(Condition condition, absl::Duration duration) ABSL_EXCLUSIVE_LOCKS_REQUIRED(this) {
    return AwaitUntil(condition, SteadyNow() + duration);
  }

  void Await(Condition condition) ABSL_EXCLUSIVE_LOCKS_REQUIRED(this) {
    while (!AwaitUntil(condition, absl::InfiniteFuture())) {
    }
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int waiters_ = 0;  // In AwaitUntil.
};

// Holds the mutex while it lives.
class ABSL_SCOPED_LOCKABLE SteadyLock {
 public:
  explicit SteadyLock(SteadyMutex* mutex) ABSL_EXCLUSIVE_LOCK_FUNCTION(mutex) : mutex_(mutex) { mutex_->Lock(); }
  ~SteadyLock() ABSL_UNLOCK_FUNCTION() { mutex_->Unlock(); }
  SteadyLock(const SteadyLock&) = delete;
  SteadyLock& operator=(const SteadyLock&) = delete;

 private:
  SteadyMutex* const mutex_;
};

}  // namespace maspo
