#pragma once

#include <cstdint>
#include <string>

#include "absl/time/time.h"

namespace maspo {

// Rollout workers without a model, each with a connection of its own to a front: they register, send heartbeats, join
// for weights, lease groups, hold each for a while and submit it.
struct WorkerOptions {
  std::string endpoint;
  int workers = 250;
  absl::Duration heartbeat = absl::Seconds(1);
  absl::Duration poll = absl::Seconds(10);     // Of Lease and Join, as in a real worker.
  absl::Duration generate = absl::Seconds(1);  // A group takes between nothing and this.
  uint32_t response_tokens = 8192;
};

// Writes a line to stdout for each call that did something:
//
//   lease VERSION TIME     a lease of this version came, at this time of the machine's steady clock, in seconds
//   submit SECONDS         how long a submission took
//
// Runs until stdin ends.
void RunWorkers(const WorkerOptions& options);

}  // namespace maspo
