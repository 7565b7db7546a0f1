#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace maspo {

// A role process that this process started and answers for. It gets SIGKILL when this process dies, whatever the
// reason, so that nothing is left behind.
//
// Movable, not thread-safe. The destructor kills a child that still runs.
class ChildProcess {
 public:
  struct Options {
    std::vector<std::string> command;  // Path of the program, then its arguments.
    std::string log_file;              // stdout and stderr are appended to it.
  };
  // The child finds the write end of a pipe as descriptor kReadyFd (see services/process/ready.h).
  static constexpr int kReadyFd = 3;
  // Unavailable: names the program and the reason.
  static absl::StatusOr<ChildProcess> Start(const Options& options);

  ChildProcess(ChildProcess&& other) noexcept;
  ChildProcess& operator=(ChildProcess&& other) noexcept;
  ~ChildProcess();

  pid_t pid() const { return pid_; }
  int ready_fd() const { return ready_fd_; }  // Read end; this object closes it.
  int exit_fd() const { return exit_fd_; }    // Readable once the child has ended, for poll().

  // How it ended: exit code, or 128 + signal number. nullopt while it runs.
  std::optional<int> ExitCode();
  std::optional<int> WaitUntil(absl::Time deadline);
  void Signal(int signal);

 private:
  ChildProcess(pid_t pid, int exit_fd, int ready_fd) : pid_(pid), exit_fd_(exit_fd), ready_fd_(ready_fd) {}
  void Release();

  pid_t pid_ = -1;
  int exit_fd_ = -1;
  int ready_fd_ = -1;
  std::optional<int> exit_code_;
};

}  // namespace maspo
