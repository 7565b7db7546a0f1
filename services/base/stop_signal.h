#pragma once

#include <atomic>

#include "absl/time/time.h"

namespace maspo {

// "Please stop", said once and heard by everything that waits. A main loop waits for it, a retry loop gives up on it,
// and poll() can watch its descriptor together with others.
//
// Thread-safe. RequestStop() may be called from a signal handler.
class StopSignal {
 public:
  StopSignal();
  ~StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  void RequestStop();
  bool stop_requested() const { return stop_requested_.load(std::memory_order_acquire); }

  // True as soon as a stop was requested, false at the deadline.
  bool WaitUntil(absl::Time deadline) const;
  bool WaitFor(absl::Duration duration) const;

  // Until a stop was requested of this one or of the other.
  void WaitOr(const StopSignal& other) const;

  // Readable from the moment a stop is requested. Only for poll(): never read it.
  int fd() const { return fd_; }

 private:
  const int fd_;  // eventfd.
  std::atomic<bool> stop_requested_{false};
};

}  // namespace maspo
