#include "reward_server/worker/worker_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "reward_server/worker/framed_messages.h"
#include "reward_server/worker/worker_main.h"
#include "services/base/status_macros.h"
#include "services/base/steady_clock.h"

extern char** environ;

namespace maspo {
namespace {

constexpr absl::Duration kIdle = absl::Seconds(5);  // That a worker may do nothing; its CPU time it limits itself.
constexpr absl::Duration kLongestStart = absl::Seconds(20);

// A message has come, or the other end is gone.
bool BecomesReadable(int socket, absl::Duration timeout) {
  const absl::Time deadline = SteadyNow() + timeout;
  pollfd polled{socket, POLLIN, 0};
  int ready = -1;
  do {
    const absl::Duration left = std::max(deadline - SteadyNow(), absl::ZeroDuration());
    ready = poll(&polled, 1, static_cast<int>(std::min<int64_t>(absl::ToInt64Milliseconds(left) + 1, INT_MAX)));
  } while (ready < 0 && errno == EINTR);
  return ready > 0;
}

absl::StatusOr<pid_t> Spawn(const std::string& program, int child_socket) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, child_socket, kWorkerSocket);
  std::string path = program, flag = kWorkerFlag;
  char* argv[] = {path.data(), flag.data(), nullptr};
  pid_t pid = -1;
  const int error = posix_spawn(&pid, program.c_str(), &actions, nullptr, argv, environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) return absl::UnavailableError(absl::StrCat("cannot start ", program, ": ", std::strerror(error)));
  return pid;
}

}  // namespace

absl::StatusOr<std::unique_ptr<WorkerProcess>> WorkerProcess::Start(const Options& options) {
  int sockets[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) != 0) {
    return absl::UnavailableError(absl::StrCat("cannot make a socket for a worker: ", std::strerror(errno)));
  }
  // A descriptor that dup2() copies onto itself would be closed by exec.
  const int child_socket =
      sockets[1] == kWorkerSocket ? fcntl(sockets[1], F_DUPFD_CLOEXEC, kWorkerSocket + 1) : sockets[1];
  const absl::StatusOr<pid_t> pid = Spawn(options.program, child_socket);
  if (child_socket != sockets[1]) close(child_socket);
  close(sockets[1]);
  if (!pid.ok()) {
    close(sockets[0]);
    return pid.status();
  }
  const absl::Duration longest = absl::Milliseconds(options.reward.answer_deadline_ms()) + kIdle;
  std::unique_ptr<WorkerProcess> worker(new WorkerProcess(*pid, sockets[0], longest));
  MASPO_RETURN_IF_ERROR(WriteFramed(worker->socket_, options.reward));
  MASPO_RETURN_IF_ERROR(worker->AwaitReady());
  return worker;
}

WorkerProcess::~WorkerProcess() {
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
  close(socket_);
}

absl::StatusOr<v1::VerifiedAnswer> WorkerProcess::Verify(const v1::VerifyItem& item) {
  MASPO_RETURN_IF_ERROR(WriteFramed(socket_, item));
  if (!BecomesReadable(socket_, longest_)) return absl::DeadlineExceededError("the worker is stuck");
  v1::VerifiedAnswer answer;
  const absl::Status read = ReadFramed(socket_, answer);
  if (!read.ok() && EndedBy() == SIGPROF) return absl::DeadlineExceededError("the worker took too long");
  MASPO_RETURN_IF_ERROR(read);
  return answer;
}

// What the process takes to start is not the time of its first answer.
absl::Status WorkerProcess::AwaitReady() {
  if (!BecomesReadable(socket_, kLongestStart)) return absl::UnavailableError("the worker does not start");
  v1::VerifiedAnswer nothing;
  return ReadFramed(socket_, nothing);
}

int WorkerProcess::EndedBy() const {
  kill(pid_, SIGKILL);  // Changes nothing for a process that is ending already.
  siginfo_t end{};
  while (waitid(P_PID, static_cast<id_t>(pid_), &end, WEXITED | WNOWAIT) != 0 && errno == EINTR) {
  }
  return end.si_code == CLD_EXITED ? 0 : end.si_status;
}

}  // namespace maspo
