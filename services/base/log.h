#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace maspo {

struct LogOptions {
  std::string role = "maspo";  // "learner", "rollout-worker", "reward-server", "maspo".
  std::string name = "";       // Which one of the role: rank or worker name; may be empty.
  std::string file = "";       // Appended to, besides stderr; empty = stderr alone.
  std::string level = "info";  // trace, debug, info, warning, error, critical, off.
  bool json = false;           // One JSON object a line, for log collectors.
};

// Sets up spdlog's default logger, so that code just says spdlog::info("step {}", step). Lines read
//
//   2026-03-01 12:30:45.123 info learner/0: step 3
//   {"time":"2026-03-01T12:30:45.123Z","level":"info","role":"learner","name":"0","message":"step 3"}
//
// Call it once, first thing in main. InvalidArgument: unknown level. Unavailable: the file cannot be opened.
absl::Status InitLogging(const LogOptions& options);

// While it lives, JSON lines of this thread carry "group": the id that one group has in the learner, the worker and the
// reward server, so that a log collector finds its way through all of them. Text lines say it in their own words.
// Nested ones hide the outer. `group_id` must outlive it.
class LogGroup {
 public:
  explicit LogGroup(std::string_view group_id);
  ~LogGroup();
  LogGroup(const LogGroup&) = delete;
  LogGroup& operator=(const LogGroup&) = delete;

 private:
  const std::string_view outer_;
};

}  // namespace maspo
