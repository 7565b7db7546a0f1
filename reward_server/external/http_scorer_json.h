#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "proto/reward.pb.h"

namespace maspo {

// The two messages between HttpScorerClient and a server, as docs/rewards.md shows them. Bytes of a response that are
// not UTF-8 are replaced.
std::string HttpScorerRequest(const std::vector<v1::VerifyItem>& items);

// The rewards of verdicts that come without one.
struct VerdictRewards {
  double correct = 1;
  double incorrect = -1;
};

// Internal: says what does not fit `items`.
absl::StatusOr<std::vector<v1::VerifiedAnswer>> ReadHttpScorerAnswers(const std::string& json,
                                                                      const std::vector<v1::VerifyItem>& items,
                                                                      const VerdictRewards& rewards);

}  // namespace maspo
