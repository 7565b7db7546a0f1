#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "collective/ranks.h"
#include "proto/run_config.pb.h"
#include "services/base/stop_signal.h"

namespace CLI {
class App;
}

namespace maspo {

// How a program of several ranks is told which of them it is:
//
//   --rank R --ranks N --rendezvous HOST:PORT    this rank alone; whoever started it serves the store at HOST:PORT
//   --ranks-here M --first-rank F --rendezvous HOST:PORT
//                                                the M ranks of this machine; the one with rank 0 serves the store
//   none of them                                 all ranks, here
struct RankFlags {
  int rank = -1;
  int ranks = 0;
  int ranks_here = 0;
  int first_rank = 0;
  std::string rendezvous;

  void AddTo(CLI::App& app);
  bool is_one_rank() const { return rank >= 0; }

  // Whether this process only starts ranks, `num_ranks` of which there are in all.
  bool starts_ranks(int num_ranks) const {
    return !is_one_rank() && (num_ranks > 1 || ranks_here > 0 || first_rank > 0);
  }
};

// The ranks of which this process is one; a single one without --rank. `host`: where this side listens.
absl::StatusOr<std::unique_ptr<Ranks>> MeetRanks(const RankFlags& flags, torch::Device device, absl::Duration timeout,
                                                 const std::string& host);

// How ranks are started.
struct Launch {
  int num_ranks = 1;                // In all.
  std::string device;               // model.device; of "cuda" or "cuda:N" each rank gets one, from the first (N) on.
  absl::Duration timeout;           // learner.rank_timeout_seconds
  std::string host;                 // Where they meet, without --rendezvous.
  std::vector<std::string> others;  // Further arguments of all ranks but rank 0.
};

// Runs the ranks of this machine to their end: each is this program with its own arguments, to which what tells a rank
// apart is appended. Returns the exit code.
int LaunchRanks(const RankFlags& flags, const Launch& launch, const StopSignal& stop);

}  // namespace maspo
