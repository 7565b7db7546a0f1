#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "proto/reward.pb.h"

namespace maspo {

// Judges final answers. Two ends: AnswerVerifier in the reward server, RewardClient in the worker.
//
// Thread-safe.
class AnswerScorer {
 public:
  virtual ~AnswerScorer() = default;

  // One verdict for each item, in order. A single item never fails the call: it gets the verdict TIMEOUT or CRASHED.
  // Unavailable or DeadlineExceeded: no server answered in time, after the end's own retries. Unavailable also from a
  // server that stops: another one may judge.
  virtual absl::StatusOr<std::vector<v1::VerifiedAnswer>> Score(const std::vector<v1::VerifyItem>& items,
                                                                absl::Time deadline) = 0;
};

}  // namespace maspo
