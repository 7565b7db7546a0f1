#pragma once

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "services/base/status_macros.h"
#include "services/base/steady_clock.h"
#include "services/process/ready.h"
#include "tests/support/temp_dir.h"

namespace maspo {

// maspo-reward-server as a child process, as a cluster starts it.
class ServerProcess {
 public:
  ServerProcess(std::vector<std::string> arguments, const std::string& log_file) {
    int ready[2];
    MASPO_CHECK(pipe(ready) == 0);
    const std::string program = std::string(std::getenv("MASPO_BIN_DIR")) + "/maspo-reward-server";
    arguments.insert(arguments.begin(), {program, "--ready-fd", std::to_string(ready[1]), "--log-file", log_file});
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    pid_ = fork();
    MASPO_CHECK(pid_ >= 0);
    if (pid_ == 0) {
      close(ready[0]);
      execv(argv[0], argv.data());
      _exit(127);
    }
    close(ready[1]);
    ready_fd_ = ready[0];
  }
  ~ServerProcess() {
    if (pid_ > 0) Stop(SIGKILL);
    close(ready_fd_);
  }

  absl::StatusOr<ReadyReport> AwaitReady() { return ReadReady(ready_fd_, SteadyNow() + absl::Seconds(60), never_); }

  pid_t pid() const { return pid_; }

  // Sends the signal (0: none) and returns the exit code, or 128 + the signal that ended it.
  int Stop(int signal) {
    if (signal != 0) kill(pid_, signal);
    int status = 0;
    MASPO_CHECK(waitpid(pid_, &status, 0) == pid_);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

 private:
  pid_t pid_ = -1;
  int ready_fd_ = -1;
  StopSignal never_;
};

// A configuration needs a model and data, of which a reward server reads nothing.
inline std::string WriteServerConfig(const TempDir& dir, const std::string& reward_section) {
  dir.Write("model/config.json", "{}");
  dir.Write("train.jsonl", "");
  return dir.Write("run.yaml", "model: {path: model}\ndata: {train: [train.jsonl]}\nreward: " + reward_section + "\n");
}

// One of several equal servers, which may be stopped, killed and started again at its address.
class Replica {
 public:
  Replica(const TempDir& dir, int number, std::string config)
      : log_(dir.File("log-" + std::to_string(number))), config_(std::move(config)) {
    Start("127.0.0.1:0");
  }
  const std::string& endpoint() const { return endpoint_; }
  void Signal(int signal) const { MASPO_CHECK(kill(server_->pid(), signal) == 0); }
  void Kill() { server_.reset(); }
  void StartAgain() { Start(endpoint_); }

 private:
  void Start(const std::string& listen) {
    server_ = std::make_unique<ServerProcess>(std::vector<std::string>{"--config", config_, "--listen", listen}, log_);
    const auto ready = server_->AwaitReady();
    MASPO_CHECK(ready.ok());
    endpoint_ = ready->endpoint;
  }

  const std::string log_, config_;
  std::string endpoint_;
  std::unique_ptr<ServerProcess> server_;
};

}  // namespace maspo
