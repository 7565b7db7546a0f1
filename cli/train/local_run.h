#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "cli/train/child_process.h"
#include "cli/train/gpu_placement.h"
#include "proto/control.pb.h"
#include "proto/run_config.pb.h"
#include "services/base/stop_signal.h"
#include "services/control/control_client.h"
#include "services/rpc/rpc_channel.h"

namespace maspo {

// A whole run on this machine: reward servers, learner and rollout workers as child processes.
//
//   Start(): reward servers -> learner -> workers, each told the endpoints of those before it
//   Supervise(): until the learner ends; a reward server or worker that ends before is started again in its place, and
//   so is a learner that a signal ended, or whose ranks were lost, which goes on from its newest checkpoint
//
// Any other end of the learner is the run's end: its exit code, and the last line of its log as the reason. Stopping
// asks the learner to write a checkpoint and end, which is Cancelled. Not thread-safe; call it from the main thread,
// with which the children die.
class LocalRun {
 public:
  struct Options {
    v1::RunConfig config;  // Resolved; also in RUN_DIR/config.yaml, which the children read.
    GpuPlacement placement;
    std::string run_dir;
    bool resume = false;
    std::string program_folder;                           // Where maspo-learner and the others are.
    int max_restarts = 10;                                // Of all processes together, until there is a new step.
    std::string log_format = "text", log_level = "info";  // Of the role processes.
  };
  using Observer = std::function<void(const v1::RunStatus& status)>;

  explicit LocalRun(Options options) : options_(std::move(options)) {}
  ~LocalRun();  // Ends all children.

  absl::Status Start(const StopSignal& stop);

  // `observe` is called about twice a second while the learner answers.
  absl::Status Supervise(const StopSignal& stop, const Observer& observe);

 private:
  struct Role {
    std::string name;  // "rollout-worker-1".
    std::vector<std::string> command;
    std::unique_ptr<ChildProcess> process;
    std::string endpoint;  // Of its gRPC server, once ready; empty for a worker.
  };
  absl::Status Launch(Role& role, const StopSignal& stop);
  static void SetDevice(Role& role, const std::string& device);
  absl::Status LaunchRewardServers(const StopSignal& stop);
  std::vector<Role*> Dead();
  // Those that ended before the run did, with whatever exit code.
  absl::Status Restart(const std::vector<Role*>& dead, const StopSignal& stop);
  std::vector<std::string> Command(const std::string& program, const std::string& name) const;
  std::string LogFile(const std::string& name) const;
  absl::Status WhyEnded(const Role& role, int exit_code) const;
  void EndAll(absl::Duration grace);

  const Options options_;
  std::vector<Role> reward_servers_, workers_;
  Role learner_;
  std::unique_ptr<RpcChannel> channel_;
  std::unique_ptr<ControlClient> control_;
  int restarts_ = 0;  // Since then.
  uint64_t most_steps_ = 0;
};

}  // namespace maspo
