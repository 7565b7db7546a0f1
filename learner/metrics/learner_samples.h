#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "learner/buffer/trajectory_buffer.h"
#include "learner/ledger/ledger_state.h"
#include "learner/prompts/lease_queue.h"
#include "proto/control.pb.h"
#include "services/base/scrape_sources.h"

namespace maspo {

// What the learner's parts know at one moment.
struct LearnerSnapshot {
  v1::RunStatus status;
  LeaseQueue::Stats leases;
  TrajectoryBuffer::Stats buffer;
  LedgerCounts ledger;
  uint64_t push_bytes = 0;
  uint64_t checkpoint_step = 0;                // Of the newest checkpoint; 0 = none.
  std::optional<uint64_t> run_dir_free_bytes;  // Nullopt when the file system does not tell.
};

// The same for Prometheus; the names are listed in docs/metrics.md. Series by worker exist as long as the worker is
// registered. Pure.
std::vector<MetricSample> LearnerSamples(const LearnerSnapshot& snapshot);

}  // namespace maspo
