#pragma once

#include <time.h>

#include <cstdint>

#include "absl/time/time.h"

namespace maspo {

// How much more work one answer may cost. Loops over untrusted text call Spend() and give up when it says no, so that
// no input is looked at for longer than its deadline.
//
// Time is the CPU time of the calling thread: a verdict must not depend on how busy the machine is. The clock is read
// once in kUnitsPerLook units; a unit is about as long as comparing two numbers, well below a microsecond.
//
// Not thread-safe: each answer has its own budget, used on the thread that made it.
class WorkBudget {
 public:
  explicit WorkBudget(absl::Duration limit) : deadline_(ThreadTime() + limit) {}

  // Accounts for `units` of work; false when the time is over, from then on always.
  bool Spend(int64_t units = 1) {
    units_left_ -= units;
    if (units_left_ < 0 && !exhausted_) {
      units_left_ = kUnitsPerLook;
      exhausted_ = ThreadTime() >= deadline_;
    }
    return !exhausted_;
  }

  bool exhausted() const { return exhausted_; }

 private:
  static constexpr int64_t kUnitsPerLook = 512;

  static absl::Duration ThreadTime() {
    timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return absl::DurationFromTimespec(now);
  }

  const absl::Duration deadline_;
  int64_t units_left_ = kUnitsPerLook;
  bool exhausted_ = false;
};

}  // namespace maspo
