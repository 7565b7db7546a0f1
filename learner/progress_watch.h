#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "absl/time/time.h"
#include "proto/control.pb.h"

namespace maspo {

// Decides whether the run makes progress. Pure: the time is told with everything that is seen.
//
//   tokens sampled or prefilled by any worker, a group that came             -> something moves
//   a group that is kept (a step will train on it, an evaluation counts it)  -> and it leads somewhere
//
// A run stalls when nothing has moved for `timeout`. It also stalls when something does move, but no group was kept for
// `timeout` and so many were thrown away since the last kept one that the next will be, too: by dynamic sampling
// (kReplacedInARow), or after their last attempt (kGivenUpInARow). Counts beside the time, because on a slow machine
// one group may take longer than `timeout`, and a few lost ones in a row are bad luck.
class ProgressWatch {
 public:
  static constexpr uint64_t kReplacedInARow = 256;
  static constexpr uint64_t kGivenUpInARow = 8;

  // All of them only grow.
  struct Counts {
    uint64_t arrived = 0;   // Groups that came, whatever became of them.
    uint64_t kept = 0;      // Of them, or of held-out groups.
    uint64_t replaced = 0;  // Thrown away by dynamic sampling.
    uint64_t given_up = 0;  // Dropped after their last attempt.
  };
  enum class Stall { kNone, kNothingMoves, kAllReplaced, kAllGivenUp };

  ProgressWatch(absl::Duration timeout, absl::Time now) : timeout_(timeout), last_move_(now), last_kept_(now) {}

  // `status` tells what each worker has sampled so far.
  void See(const Counts& counts, const v1::RunStatus& status, absl::Time now);

  Stall stall(absl::Time now) const;

  uint64_t replaced_in_a_row() const { return seen_.replaced - at_last_kept_.replaced; }
  uint64_t given_up_in_a_row() const { return seen_.given_up - at_last_kept_.given_up; }

 private:
  bool SawTokens(const v1::RunStatus& status);

  const absl::Duration timeout_;
  absl::Time last_move_, last_kept_;
  Counts seen_, at_last_kept_;
  bool has_seen_ = false;                          // The first counts are where counting starts.
  std::map<std::string, uint64_t> worker_tokens_;  // By worker id, as last heard.
};

}  // namespace maspo
