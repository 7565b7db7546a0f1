#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "proto/reward.pb.h"
#include "proto/run_config.pb.h"
#include "services/base/retry.h"
#include "services/base/stop_signal.h"
#include "services/reward/answer_scorer.h"
#include "services/reward/endpoint_rotation.h"
#include "services/reward/reward_endpoint.h"

namespace maspo {

// The worker's AnswerScorer: calls the reward server with the fewest calls under way, passes over those that failed a
// moment ago, and goes on trying until the deadline when none answers, so a server may start late or restart.
// Verification is idempotent: any batch may be judged again by any server.
//
//   items -> batches of at most max_batch_items -> next server -> Unavailable, ResourceExhausted or DeadlineExceeded?
//   pause that server, next one; all paused? back off
//
// Score() returns Unavailable, ResourceExhausted or DeadlineExceeded when that was still so at the deadline or after
// all attempts, Cancelled after Close(), Internal for an answer that does not fit the request.
//
// Thread-safe.
class RewardClient final : public AnswerScorer {
 public:
  struct Options {
    std::vector<std::string> endpoints;  // host:port, at least one.
    v1::NetworkSection network;
    std::string key = "network.reward_servers";      // What named them, for messages.
    uint32_t max_batch_items = 4096;                 // reward.max_batch_items of the servers.
    int attempts = std::numeric_limits<int>::max();  // Rounds over all servers.
    // Hears how every call to a server ended, while Score() may go on trying.
    std::function<void(const absl::Status& outcome)> on_outcome = [](const absl::Status&) {};
  };
  static absl::StatusOr<std::unique_ptr<RewardClient>> Create(const Options& options);

  absl::StatusOr<std::vector<v1::VerifiedAnswer>> Score(const std::vector<v1::VerifyItem>& items,
                                                        absl::Time deadline) override;

  // Every call, also one in flight, is Cancelled.
  void Close();

 private:
  RewardClient(std::vector<RewardEndpoint> endpoints, const Options& options);

  absl::Status VerifyBatch(const v1::VerifyBatchRequest& request, absl::Time deadline,
                           v1::VerifyBatchResponse& response);
  absl::Status VerifyOnNextEndpoint(const v1::VerifyBatchRequest& request, absl::Time deadline,
                                    v1::VerifyBatchResponse& response);

  const std::vector<RewardEndpoint> endpoints_;
  const uint32_t max_batch_items_;
  const RetryPolicy retry_;
  const std::function<void(const absl::Status&)> on_outcome_;
  StopSignal closed_;

  absl::Mutex mutex_;
  EndpointRotation rotation_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace maspo
