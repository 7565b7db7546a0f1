#pragma once

#include <sys/types.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "proto/reward.pb.h"
#include "proto/run_config.pb.h"

namespace maspo {

// A worker process and the socket to it. Whatever an answer does to the process, only that answer is lost.
//
// Not thread-safe: one caller at a time.
class WorkerProcess {
 public:
  struct Options {
    std::string program;  // Started with kWorkerFlag.
    v1::RewardSection reward;
  };
  // Returns when it is ready for items. Unavailable: the program cannot be started.
  static absl::StatusOr<std::unique_ptr<WorkerProcess>> Start(const Options& options);
  ~WorkerProcess();  // Kills it.
  WorkerProcess(const WorkerProcess&) = delete;
  WorkerProcess& operator=(const WorkerProcess&) = delete;

  // DeadlineExceeded: it used more CPU time than an answer may, which ended it, or seems stuck. Unavailable: it died.
  absl::StatusOr<v1::VerifiedAnswer> Verify(const v1::VerifyItem& item);

  pid_t pid() const { return pid_; }

 private:
  WorkerProcess(pid_t pid, int socket, absl::Duration longest) : pid_(pid), socket_(socket), longest_(longest) {}

  absl::Status AwaitReady();
  int EndedBy() const;  // The signal that ended the process, at the latest now; 0 = it ended by itself.

  const pid_t pid_;
  const int socket_;
  const absl::Duration longest_;  // Of one answer, whatever the worker does.
};

}  // namespace maspo
