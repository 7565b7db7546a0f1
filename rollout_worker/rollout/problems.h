#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace maspo {

// What troubles a worker now, for its heartbeats: a run that fails for want of progress then says why. One sentence an
// area, for instance "rewards", until the area succeeds; and what is awaited for long, from which no error came yet.
//
// Thread-safe.
class Problems {
 public:
  // How something went: an error is this area's problem until the next success. Cancelled says nothing.
  void Note(const std::string& area, const absl::Status& outcome);

  // From now on `what` is awaited: "rewards of source math". It is a problem of its own once it takes longer than
  // kLong, until the returned object is gone. That must not outlive this one.
  static constexpr absl::Duration kLong = absl::Seconds(5);
  class Wait;
  [[nodiscard]] std::unique_ptr<Wait> Await(std::string what, absl::Time now);

  // The one that was noted last, of those that are not over, and what has been awaited longest, if that is long; empty
  // when all is well.
  std::string Latest(absl::Time now) const;

 private:
  struct Problem {
    std::string sentence;
    uint64_t number = 0;  // Increases with each note.
  };
  mutable absl::Mutex mutex_;
  std::map<std::string, Problem> of_area_ ABSL_GUARDED_BY(mutex_);
  uint64_t notes_ ABSL_GUARDED_BY(mutex_) = 0;
  std::multimap<absl::Time, std::string> awaited_ ABSL_GUARDED_BY(mutex_);  // By when that began.
};

class Problems::Wait {
 public:
  Wait(Problems* problems, std::multimap<absl::Time, std::string>::iterator place)
      : problems_(problems), place_(place) {}
  ~Wait();
  Wait(const Wait&) = delete;
  Wait& operator=(const Wait&) = delete;

 private:
  Problems* const problems_;
  const std::multimap<absl::Time, std::string>::iterator place_;
};

}  // namespace maspo
