#include "reward_server/worker/worker_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "reward_server/worker/framed_messages.h"
#include "reward_server/worker/worker_main.h"
#include "services/base/status_macros.h"

extern char** environ;

namespace maspo {
namespace {

constexpr absl::Duration kGrace = absl::Milliseconds(3);  // Of CPU time beyond the deadline,
constexpr absl::Duration kLongest = absl::Seconds(5);     // and of any time: a process that sleeps is stuck too.
constexpr absl::Duration kLongestStart = absl::Seconds(20);

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
  const absl::Duration deadline = absl::Milliseconds(options.reward.answer_deadline_ms());
  std::unique_ptr<WorkerProcess> worker(new WorkerProcess(*pid, sockets[0], deadline));
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
  MASPO_RETURN_IF_ERROR(AwaitAnswer());
  v1::VerifiedAnswer answer;
  MASPO_RETURN_IF_ERROR(ReadFramed(socket_, answer));
  return answer;
}

// What the process takes to start is not the time of its first answer.
absl::Status WorkerProcess::AwaitReady() {
  pollfd ready{socket_, POLLIN, 0};
  if (poll(&ready, 1, static_cast<int>(absl::ToInt64Milliseconds(kLongestStart))) <= 0) {
    return absl::UnavailableError("the worker does not start");
  }
  v1::VerifiedAnswer nothing;
  return ReadFramed(socket_, nothing);
}

// By CPU time, so that a busy machine makes no answer late. The rest of the time is asked for in one poll.
absl::Status WorkerProcess::AwaitAnswer() {
  const absl::Time latest = absl::Now() + kLongest;
  const absl::Duration allowed = CpuTime() + deadline_ + kGrace;
  pollfd answer{socket_, POLLIN, 0};
  while (true) {
    const absl::Duration left = std::max(allowed - CpuTime(), absl::ZeroDuration());
    const int timeout = static_cast<int>(absl::ToInt64Milliseconds(left)) + 1;
    if (poll(&answer, 1, timeout) > 0) return absl::OkStatus();  // An answer, or the end of the process.
    if (CpuTime() >= allowed || absl::Now() >= latest) {
      return absl::DeadlineExceededError("the worker took too long");
    }
  }
}

absl::Duration WorkerProcess::CpuTime() const {
  clockid_t clock;
  timespec time{};
  if (clock_getcpuclockid(pid_, &clock) != 0 || clock_gettime(clock, &time) != 0) return absl::ZeroDuration();
  return absl::DurationFromTimespec(time);
}

}  // namespace maspo
