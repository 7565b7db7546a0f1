// Tells ThreadSanitizer what absl::Mutex, absl::CondVar and absl::Notification do. Debian's Abseil is compiled without
// it, so that every access under one of their locks would look like a race.
//
// The linker sends our calls of FUNCTION to __wrap_FUNCTION, and calls of __real_FUNCTION to the library (option
// --wrap, which Compiler.cmake sets for each name below). Between a "pre" and its "post" ThreadSanitizer ignores what
// the thread does: Abseil evaluates the conditions of waiters in whichever thread unlocks.
#include <sanitizer/tsan_interface.h>

#include <atomic>

#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"

namespace {

using absl::Condition;
using absl::CondVar;
using absl::Duration;
using absl::Mutex;
using absl::Notification;
using absl::Time;

struct Locking {
  explicit Locking(Mutex* mutex, unsigned flags = 0) : mutex(mutex), flags(flags) {
    __tsan_mutex_pre_lock(mutex, flags);
  }
  ~Locking() { __tsan_mutex_post_lock(mutex, flags, 0); }
  Mutex* mutex;
  unsigned flags;
};

struct Unlocking {
  explicit Unlocking(Mutex* mutex, unsigned flags = 0) : mutex(mutex), flags(flags) {
    __tsan_mutex_pre_unlock(mutex, flags);
  }
  ~Unlocking() { __tsan_mutex_post_unlock(mutex, flags); }
  Mutex* mutex;
  unsigned flags;
};

// Gives the lock away and takes it back.
struct Waiting {
  explicit Waiting(Mutex* mutex) : unlocked(mutex), relocked(mutex) {}
  struct Released {
    explicit Released(Mutex* mutex) { Unlocking now(mutex); }
  } unlocked;
  Locking relocked;
};

struct Destroying {
  explicit Destroying(Mutex* mutex) { __tsan_mutex_destroy(mutex, __tsan_mutex_not_static); }
};

struct Notifying {
  explicit Notifying(Notification* notification) { __tsan_release(notification); }
};

struct BeingNotified {
  explicit BeingNotified(const Notification* notification) : address(const_cast<Notification*>(notification)) {}
  ~BeingNotified() { __tsan_acquire(address); }
  void* address;
};

// HasBeenNotified() passes its flag on, which lies behind the mutex.
struct AskedIfNotified : BeingNotified {
  explicit AskedIfNotified(const std::atomic<bool>* flag)
      : BeingNotified(reinterpret_cast<const Notification*>(reinterpret_cast<const char*>(flag) - sizeof(Mutex))) {}
};

}  // namespace

// A member function is a plain function whose first argument is `this`.
#define WRAP(function, result, parameters, arguments, ...)        \
  result Real_##function parameters __asm__("__real_" #function); \
  result Wrap_##function parameters __asm__("__wrap_" #function); \
  result Wrap_##function parameters {                             \
    __VA_ARGS__;                                                  \
    return Real_##function arguments;                             \
  }

// clang-format off
WRAP(_ZN4absl7debian35Mutex4LockEv, void, (Mutex* m), (m), Locking scope(m))
WRAP(_ZN4absl7debian35Mutex6UnlockEv, void, (Mutex* m), (m), Unlocking scope(m))
WRAP(_ZN4absl7debian35Mutex10ReaderLockEv, void, (Mutex* m), (m), Locking scope(m, __tsan_mutex_read_lock))
WRAP(_ZN4absl7debian35Mutex12ReaderUnlockEv, void, (Mutex* m), (m), Unlocking scope(m, __tsan_mutex_read_lock))
WRAP(_ZN4absl7debian35MutexD1Ev, void, (Mutex* m), (m), Destroying scope(m))
WRAP(_ZN4absl7debian35Mutex8LockWhenERKNS0_9ConditionE, void, (Mutex* m, const Condition& c), (m, c), Locking scope(m))
WRAP(_ZN4absl7debian35Mutex19LockWhenWithTimeoutERKNS0_9ConditionENS0_8DurationE, bool, (Mutex* m, const Condition& c, Duration d), (m, c, d), Locking scope(m))
WRAP(_ZN4absl7debian35Mutex20LockWhenWithDeadlineERKNS0_9ConditionENS0_4TimeE, bool, (Mutex* m, const Condition& c, Time t), (m, c, t), Locking scope(m))
WRAP(_ZN4absl7debian35Mutex5AwaitERKNS0_9ConditionE, void, (Mutex* m, const Condition& c), (m, c), Waiting scope(m))
WRAP(_ZN4absl7debian35Mutex16AwaitWithTimeoutERKNS0_9ConditionENS0_8DurationE, bool, (Mutex* m, const Condition& c, Duration d), (m, c, d), Waiting scope(m))
WRAP(_ZN4absl7debian35Mutex17AwaitWithDeadlineERKNS0_9ConditionENS0_4TimeE, bool, (Mutex* m, const Condition& c, Time t), (m, c, t), Waiting scope(m))
WRAP(_ZN4absl7debian37CondVar4WaitEPNS0_5MutexE, void, (CondVar* v, Mutex* m), (v, m), Waiting scope(m))
WRAP(_ZN4absl7debian37CondVar15WaitWithTimeoutEPNS0_5MutexENS0_8DurationE, bool, (CondVar* v, Mutex* m, Duration d), (v, m, d), Waiting scope(m))
WRAP(_ZN4absl7debian37CondVar16WaitWithDeadlineEPNS0_5MutexENS0_4TimeE, bool, (CondVar* v, Mutex* m, Time t), (v, m, t), Waiting scope(m))
WRAP(_ZN4absl7debian312Notification6NotifyEv, void, (Notification* n), (n), Notifying scope(n))
WRAP(_ZNK4absl7debian312Notification19WaitForNotificationEv, void, (const Notification* n), (n), BeingNotified scope(n))
WRAP(_ZNK4absl7debian312Notification30WaitForNotificationWithTimeoutENS0_8DurationE, bool, (const Notification* n, Duration d), (n, d), BeingNotified scope(n))
WRAP(_ZNK4absl7debian312Notification31WaitForNotificationWithDeadlineENS0_4TimeE, bool, (const Notification* n, Time t), (n, t), BeingNotified scope(n))
WRAP(_ZN4absl7debian312Notification23HasBeenNotifiedInternalEPKSt6atomicIbE, bool, (const std::atomic<bool>* f), (f), AskedIfNotified scope(f))
// clang-format on
