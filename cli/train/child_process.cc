#include "cli/train/child_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/base/steady_clock.h"

namespace maspo {
namespace {

// Between fork and exec: async-signal-safe calls only.
[[noreturn]] void BecomeChild(pid_t parent, char* const* argv, int log_fd, int ready_fd) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(127);  // The parent died before prctl.
  setpgid(0, 0);                        // Ctrl-C reaches the parent, which stops its children in order.
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  const int null_fd = open("/dev/null", O_RDONLY);
  dup2(null_fd, STDIN_FILENO);
  dup2(log_fd, STDOUT_FILENO);
  dup2(log_fd, STDERR_FILENO);
  if (ready_fd == ChildProcess::kReadyFd) {
    fcntl(ready_fd, F_SETFD, 0);
  } else {
    dup2(ready_fd, ChildProcess::kReadyFd);
  }
  execv(argv[0], argv);
  _exit(127);
}

}  // namespace

absl::StatusOr<ChildProcess> ChildProcess::Start(const Options& options) {
  const std::string& program = options.command.front();
  if (access(program.c_str(), X_OK) != 0) {
    return absl::UnavailableError(
        absl::StrCat("cannot run ", program, ": ", std::strerror(errno), "; build it with make build"));
  }
  const int log_fd = open(options.log_file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (log_fd < 0)
    return absl::UnavailableError(absl::StrCat("cannot write ", options.log_file, ": ", std::strerror(errno)));
  int ready[2];
  if (pipe2(ready, O_CLOEXEC) != 0) {
    close(log_fd);
    return absl::UnavailableError(absl::StrCat("cannot make a pipe: ", std::strerror(errno)));
  }
  std::vector<char*> argv;
  for (const std::string& argument : options.command) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);

  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid == 0) BecomeChild(parent, argv.data(), log_fd, ready[1]);
  close(log_fd);
  close(ready[1]);
  if (pid < 0) {
    close(ready[0]);
    return absl::UnavailableError(absl::StrCat("cannot start ", program, ": ", std::strerror(errno)));
  }
  // glibc 2.36 declares pidfd_open without C linkage.
  return ChildProcess(pid, static_cast<int>(syscall(SYS_pidfd_open, pid, 0)), ready[0]);
}

ChildProcess::ChildProcess(ChildProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      exit_fd_(std::exchange(other.exit_fd_, -1)),
      ready_fd_(std::exchange(other.ready_fd_, -1)),
      exit_code_(std::exchange(other.exit_code_, std::nullopt)) {}

ChildProcess& ChildProcess::operator=(ChildProcess&& other) noexcept {
  if (this != &other) {
    Release();
    pid_ = std::exchange(other.pid_, -1);
    exit_fd_ = std::exchange(other.exit_fd_, -1);
    ready_fd_ = std::exchange(other.ready_fd_, -1);
    exit_code_ = std::exchange(other.exit_code_, std::nullopt);
  }
  return *this;
}

ChildProcess::~ChildProcess() { Release(); }

void ChildProcess::Release() {
  if (pid_ > 0 && !ExitCode()) {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  if (exit_fd_ >= 0) close(exit_fd_);
  if (ready_fd_ >= 0) close(ready_fd_);
}

std::optional<int> ChildProcess::ExitCode() {
  int status = 0;
  if (!exit_code_ && waitpid(pid_, &status, WNOHANG) == pid_) {
    exit_code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  return exit_code_;
}

std::optional<int> ChildProcess::WaitUntil(absl::Time deadline) {
  while (!ExitCode()) {
    const absl::Duration left = deadline - SteadyNow();
    if (left <= absl::ZeroDuration()) break;
    pollfd watched{exit_fd_, POLLIN, 0};
    poll(&watched, 1, static_cast<int>(std::clamp<int64_t>(absl::ToInt64Milliseconds(left) + 1, 1, 1000)));
  }
  return exit_code_;
}

void ChildProcess::Signal(int signal) {
  if (!ExitCode()) kill(pid_, signal);
}

}  // namespace maspo
