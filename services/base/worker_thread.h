#pragma once

#include <functional>
#include <string>
#include <thread>

#include "absl/status/status.h"

namespace maspo {

// A named thread whose end never goes unnoticed: the body's Status, or the exception that left it (Internal), is passed
// to on_end on that thread and returned by Join(). Whoever starts it makes the body return (close its queue, request a
// stop) before joining or destroying it.
class WorkerThread {
 public:
  using Body = std::function<absl::Status()>;
  using OnEnd = std::function<void(const absl::Status&)>;

  // `name` shows in debuggers (15 bytes of it) and in front of error messages.
  WorkerThread(std::string name, Body body, OnEnd on_end = nullptr);
  ~WorkerThread();  // Joins.
  WorkerThread(const WorkerThread&) = delete;
  WorkerThread& operator=(const WorkerThread&) = delete;

  // What the body ended with; errors begin with "NAME: ". Called by one thread.
  absl::Status Join();

 private:
  void Run(const Body& body, const OnEnd& on_end);

  const std::string name_;
  absl::Status result_;  // Written by the thread before it ends, read after joining.
  std::thread thread_;
};

}  // namespace maspo
