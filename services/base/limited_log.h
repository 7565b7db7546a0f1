#pragma once

#include <spdlog/spdlog.h>

#include <cstdint>
#include <functional>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "services/base/steady_clock.h"

namespace maspo {

// For lines that one fault repeats by the thousand, one for each group: the first `burst` are written, then one an
// interval, with the number of those that were left out. Each quiet interval earns a line back. One a call site:
//
//   static LimitedLog log;
//   log.Warn("group {} goes back to the learner: {}", group_id, why);
//
// Thread-safe.
class LimitedLog {
 public:
  struct Options {
    int burst = 20;
    absl::Duration interval = absl::Minutes(1);
    std::function<absl::Time()> now = SteadyNow;
  };

  LimitedLog() : LimitedLog(Options{}) {}
  explicit LimitedLog(Options options);

  template <typename... Args>
  void Info(spdlog::format_string_t<Args...> format, Args&&... args) {
    Log(spdlog::level::info, format, std::forward<Args>(args)...);
  }
  template <typename... Args>
  void Warn(spdlog::format_string_t<Args...> format, Args&&... args) {
    Log(spdlog::level::warn, format, std::forward<Args>(args)...);
  }

 private:
  template <typename... Args>
  void Log(spdlog::level::level_enum level, spdlog::format_string_t<Args...> format, Args&&... args) {
    uint64_t left_out = 0;
    if (Admit(left_out)) Write(level, fmt::format(format, std::forward<Args>(args)...), left_out);
  }
  // Whether a line may be written now, and how many were not since the one before.
  bool Admit(uint64_t& left_out);
  static void Write(spdlog::level::level_enum level, const std::string& line, uint64_t left_out);

  const Options options_;
  absl::Mutex mutex_;
  double lines_ ABSL_GUARDED_BY(mutex_);  // That may still be written.
  absl::Time counted_ ABSL_GUARDED_BY(mutex_);
  uint64_t left_out_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace maspo
