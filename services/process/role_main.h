#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "proto/run_config.pb.h"
#include "services/base/metrics.h"
#include "services/base/stop_signal.h"
#include "services/process/ready.h"

namespace CLI {
class App;
}

namespace maspo {

// What a role process has before its own work begins.
struct RoleContext {
  std::string name;      // "rollout-worker-1"; the role and the machine's name when --name is not given.
  v1::RunConfig config;  // Validated.
  Metrics& metrics;
  std::string metrics_endpoint;                                           // host:port, being served.
  const StopSignal& stop;                                                 // SIGTERM or SIGINT came.
  std::function<absl::Status(const std::string& endpoint)> notify_ready;  // Tells the parent, if there is one.
};

// main() of a role: flags (--config, --set, --name, --log-..., --ready-fd, --version, and what `add_flags` declares),
// signals, logging, configuration, Prometheus endpoint, then `body`. An error is printed as one sentence, and logged.
//
// The exit code of the process whose work ended with `status` is ExitCodeOf(status); this logs why. For a body that
// cannot return.
void SayLastWords(const absl::Status& status);

// Returns the exit code (services/base/exit_code.h).
int RoleMain(int argc, char** argv, const std::string& role, const std::function<void(CLI::App&)>& add_flags,
             const std::function<absl::Status(RoleContext&)>& body);

}  // namespace maspo
