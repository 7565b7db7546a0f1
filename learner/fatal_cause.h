#pragma once

#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"

namespace maspo {

// Why the run cannot go on, as found out by a part that is not the training loop: a ledger that cannot be written, a
// group that no worker can run. The first cause wins; the loop looks at it at every turn and ends the run with it.
//
//   Report(cause) from any thread, under any lock ... Get() in the loop
//
// Thread-safe. Calls nobody.
class FatalCause {
 public:
  // `cause` is an error, and a sentence that says what to do.
  void Report(absl::Status cause) {
    absl::MutexLock lock(&mutex_);
    cause_.Update(std::move(cause));  // Keeps the first error.
  }

  // Ok while nothing was reported.
  absl::Status Get() const {
    absl::MutexLock lock(&mutex_);
    return cause_;
  }

 private:
  mutable absl::Mutex mutex_;
  absl::Status cause_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace maspo
